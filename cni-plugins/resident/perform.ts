// One call in the resident, as if a process had been started for it: its environment, file mask and working directory
// are the caller's for as long as it lasts, and nothing of it is there afterwards.
import { refusePrograms } from "#kernel/programs";
import { errorText } from "#spec/errors";
import { failure } from "../error.ts";
import { processMachine } from "../machine.ts";
import { pluginNamed } from "../registry.ts";
import { serve } from "../skeleton.ts";
import type { Sys } from "#kernel/sys";
import { reasonToDecline } from "./decline.ts";
import type { Request } from "./protocol.ts";
import { currentNetns } from "./world.ts";

export interface Performed {
  readonly status: number;
  readonly output: string;
  readonly error: string;
}

/** What a process has that lodend starts: what a call changes comes back to it. */
const OWN_UMASK = 0o022;
const OWN_DIRECTORY = "/";

/** Calls plugins within this process. One at a time, as everything in them is synchronous. */
export class Performer {
  readonly #sys: Sys;
  readonly #netns: string;
  #isProgramRefused = false;

  /** This process starts no programs from here on. */
  constructor(sys: Sys) {
    this.#sys = sys;
    this.#netns = currentNetns(sys);
    sys.umask(OWN_UMASK);
    sys.changeDirectory(OWN_DIRECTORY);
    refusePrograms((file) => {
      this.#isProgramRefused = true;
      throw failure(`the resident plugins start no programs: ${file}`);
    });
  }

  /**
   * Carries out a call, or gives the reason why a process of its own must: nothing is left of what was done then. ADD has
   * undone itself when a plugin found halfway that it needs another program, and other commands may be repeated.
   */
  perform(request: Request): Performed | string {
    const reason = reasonToDecline(this.#sys, request, pluginNamed);
    if (reason !== undefined) return reason;
    const done = this.#inWorldOf(request, () => this.#serve(request));
    if (done === undefined) return `the working directory ${request.directory} cannot be entered`;
    if (!this.#isProgramRefused) return done;
    if (request.variables["CNI_COMMAND"] === "ADD" && done.status === 0) this.undo(request);
    return "it needs another program";
  }

  /** Takes back an ADD that nobody has heard of. */
  undo(request: Request): void {
    const variables = { ...request.variables, CNI_COMMAND: "DEL" };
    this.#inWorldOf(request, () => this.#serve({ ...request, variables }));
  }

  #serve(request: Request): Performed {
    let output = "";
    let error = "";
    this.#isProgramRefused = false;
    const machine = processMachine(this.#sys, request.client);
    const streams = {
      readInput: () => request.input,
      readAvailableInput: () => request.input,
      writeOutput: (text: string) => void (output += text),
      writeError: (text: string) => void (error += text),
    };
    try {
      const status = serve(pluginNamed(request.plugin)!, request.variables, streams, machine, pluginNamed);
      return { status, output, error };
    } finally {
      machine.close();
    }
  }

  /** Undefined when the working directory is gone. Ends the process when it cannot come back. */
  #inWorldOf<T>(request: Request, fn: () => T): T | undefined {
    const isElsewhere = request.directory !== OWN_DIRECTORY;
    if (isElsewhere && this.#sys.changeDirectory(request.directory) < 0) return undefined;
    this.#sys.umask(request.umask);
    try {
      return fn();
    } finally {
      this.#sys.umask(OWN_UMASK);
      if (isElsewhere && this.#sys.changeDirectory(OWN_DIRECTORY) < 0) abort(this.#sys, "its working directory");
      if (netnsOrError(this.#sys) !== this.#netns) abort(this.#sys, "its network namespace");
    }
  }
}

function netnsOrError(sys: Sys): string {
  try {
    return currentNetns(sys);
  } catch (error) {
    return errorText(error);
  }
}

/** Every later call would act on the wrong files or the wrong network. */
function abort(sys: Sys, what: string): never {
  sys.write(2, new TextEncoder().encode(`the process is not back in ${what} after a call: aborting\n`));
  process.abort();
}
