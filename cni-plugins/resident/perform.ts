// One call in the resident, as if a process had been started for it: its environment, file mask and working directory
// are the caller's for as long as it lasts, and nothing of it is there afterwards.
import { makeDirectories } from "#kernel/files";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import { openNftables, type Nftables } from "#kernel/nft/nftables";
import { openNftQueries } from "#kernel/nft/query";
import { refusePrograms } from "#kernel/programs";
import { pluginNamed } from "#plugins";
import { errorText } from "#spec/errors";
import { failure } from "../error.ts";
import { serve } from "../skeleton.ts";
import type { Sys } from "#kernel/sys";
import { reasonToDecline } from "./decline.ts";
import { linkToDeleteFirst } from "./link-first.ts";
import type { MarkedLink, Request } from "./protocol.ts";
import { currentNetns } from "./world.ts";

/** The client is to delete this link of the host, and to ask again. */
export interface LinkFirst {
  readonly link: MarkedLink;
}

export interface Performed {
  readonly status: number;
  readonly output: string;
  readonly error: string;
}

/** What a process has that lodend starts: what a call changes comes back to it. */
const OWN_UMASK = 0o022;
const OWN_DIRECTORY = "/";
const LOCKS = 251;
const O_RDWR_CREATE = 0o102;
const LOCK_EX = 2;

/** Calls plugins within this process. One at a time, as everything in them is synchronous. */
export class Performer {
  readonly #sys: Sys;
  readonly #netns: string;
  readonly #locks: string;
  #isProgramRefused = false;
  /** Kept from call to call, as to close one takes long: plugin.ts. */
  #nftables: Nftables | undefined;
  #netfilter: NetlinkSocket | undefined;

  /** This process's plugins start no programs from here on. `locks`: the directory of the attachments' locks. */
  constructor(sys: Sys, locks: string) {
    this.#sys = sys;
    this.#locks = locks;
    makeDirectories(sys, locks, 0o700);
    this.#netns = currentNetns(sys);
    sys.umask(OWN_UMASK);
    sys.changeDirectory(OWN_DIRECTORY);
    refusePrograms((file) => {
      this.#isProgramRefused = true;
      throw failure(`the resident plugins start no programs: ${file}`);
    });
  }

  /**
   * Carries out a call and hands over what came of it, or the reason why a process of its own must do it: nothing is left
   * of what was done then. ADD has undone itself when a plugin found halfway that it needs another program, and other
   * commands may be repeated. An ADD that cannot be handed over is undone, before any other call for the attachment.
   */
  perform(request: Request, handOver: (outcome: Performed | LinkFirst | string) => boolean): void {
    const reason = reasonToDecline(this.#sys, request, pluginNamed);
    if (reason !== undefined) {
      handOver(reason);
      return;
    }
    const lock = this.#lock(request);
    try {
      const link = linkToDeleteFirst(this.#sys, request);
      if (link !== undefined) {
        handOver({ link });
        return;
      }
      const outcome = this.#inWorldOf(request, () => this.#serve(request));
      const isAdded = request.variables["CNI_COMMAND"] === "ADD" && outcome?.status === 0;
      let isKnown: boolean;
      if (outcome === undefined) isKnown = handOver(`the working directory ${request.directory} cannot be entered`);
      else if (!this.#isProgramRefused) isKnown = handOver(outcome);
      else {
        // A plugin that went on without the program has done something else than it would have.
        if (isAdded) this.#undo(request);
        handOver("it needs another program");
        return;
      }
      if (isAdded && !isKnown) this.#undo(request);
    } finally {
      this.#sys.close(lock);
    }
  }

  #undo(request: Request): void {
    const variables = { ...request.variables, CNI_COMMAND: "DEL" };
    this.#inWorldOf(request, () => this.#serve({ ...request, variables }));
  }

  /**
   * Keeps calls for one attachment apart: a runtime that gave up an ADD sends DEL, and the ADD may still be under way. As
   * many locks as there are; attachments that share one only wait for each other.
   */
  #lock({ variables }: Request): number {
    const key = `${variables["CNI_CONTAINERID"] ?? ""}/${variables["CNI_IFNAME"] ?? ""}`;
    let hash = 0;
    for (let index = 0; index < key.length; index++) hash = (hash * 31 + key.charCodeAt(index)) % LOCKS;
    const lock = this.#sys.open(`${this.#locks}/${hash}`, O_RDWR_CREATE, 0o600);
    this.#sys.flock(lock, LOCK_EX);
    return lock;
  }

  #serve(request: Request): Performed {
    let output = "";
    let error = "";
    let isDone = false;
    this.#isProgramRefused = false;
    const machine = {
      sys: this.#sys,
      client: request.client,
      nftables: () => (this.#nftables ??= openNftables(this.#sys)),
      netfilter: () => (this.#netfilter ??= openNftQueries(this.#sys)),
    };
    const streams = {
      readInput: () => request.input,
      readAvailableInput: () => request.input,
      writeOutput: (text: string) => void (output += text),
      writeError: (text: string) => void (error += text),
    };
    try {
      const status = serve(pluginNamed(request.plugin)!, request.variables, streams, machine, pluginNamed);
      isDone = status === 0;
      return { status, output, error };
    } finally {
      // Whatever it was that failed, the next call begins afresh.
      if (!isDone) this.#closeNetfilter();
    }
  }

  #closeNetfilter(): void {
    this.#nftables?.close();
    this.#nftables = undefined;
    this.#netfilter?.close();
    this.#netfilter = undefined;
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
