// Calling CNI plugins as a runtime does: compiled executables, the same sources on Node, or Debian's Go plugins.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { anonymousNetns, createNetns, deleteNetns, openNetns } from "#kernel/netns";
import { runProgram } from "#kernel/programs";
import type { Sys } from "#kernel/sys";
import { PLUGIN_NAMES } from "#spec/plugin-names";
import { buildPlugins, pluginsAreCurrent } from "../../daemon/build/plugins.ts";
import { inMachine } from "./kernel-features.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const CACHE = path.join(root, "node_modules/.cache/loden");

/** Debian's containernetworking-plugins. */
export const GO_PLUGINS = "/usr/lib/cni";

/** The compiled executables, made from the sources as they are; in the virtual machine, as its host has made them. */
export function compiledPlugins(): string {
  const directory = path.join(CACHE, "cni");
  if (!inMachine && !pluginsAreCurrent(directory)) buildPlugins(directory);
  return directory;
}

/** Programs that run the sources on Node, one for each plugin. */
export function nodePlugins(): string {
  const directory = path.join(CACHE, "cni-node");
  fs.mkdirSync(directory, { recursive: true });
  for (const name of PLUGIN_NAMES) {
    const file = path.join(directory, name);
    const next = `${file}.${process.pid}`;
    const main = path.join(root, "cni-plugins/main.ts");
    // Read by the kernel; the program's own path becomes the argument after the plugin's name.
    fs.writeFileSync(next, `#!/usr/bin/env -S ${process.execPath} ${main} ${name}\n`, { mode: 0o755 });
    fs.renameSync(next, file);
  }
  return directory;
}

export interface Invocation {
  readonly command: string;
  /** Where the plugin is. */
  readonly directory: string;
  readonly plugin: string;
  readonly config: unknown;
  readonly containerId?: string;
  readonly netns?: string;
  readonly ifname?: string;
  readonly args?: string;
  /** CNI_PATH; the directory when absent. */
  readonly path?: string;
  /** More variables; undefined takes one away. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
}

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as JSON, undefined when it is empty or something else. */
  readonly document: Record<string, unknown> | undefined;
}

export function variablesOf(call: Invocation): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: call.containerId ?? "c1",
    CNI_NETNS: call.netns ?? "",
    CNI_IFNAME: call.ifname ?? "eth0",
    CNI_PATH: call.path ?? call.directory,
    ...(call.args === undefined ? {} : { CNI_ARGS: call.args }),
    ...call.variables,
  };
}

function inputOf(call: Invocation): string {
  return typeof call.config === "string" ? call.config : JSON.stringify(call.config);
}

function outcomeOf(status: number | null, stdout: string, stderr: string): Outcome {
  let document: Record<string, unknown> | undefined;
  try {
    document = JSON.parse(stdout) as Record<string, unknown>;
  } catch {
    document = undefined;
  }
  return { status, stdout, stderr, document };
}

/** One call, waited for. */
export function callPlugin(call: Invocation): Outcome {
  const file = path.join(call.directory, call.plugin);
  const result = runProgram(file, [], { input: inputOf(call), env: variablesOf(call) });
  if (result.error !== undefined) throw result.error;
  return outcomeOf(result.status, result.stdout, result.stderr);
}

/** One call among others at the same time. */
export async function startPlugin(call: Invocation): Promise<Outcome> {
  const child = spawn(path.join(call.directory, call.plugin), [], { env: variablesOf(call) });
  const [stdout, stderr] = ["", ""].map(() => [] as Buffer[]) as [Buffer[], Buffer[]];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // A plugin that has refused its environment does not read its input.
  child.stdin.on("error", () => {});
  child.stdin.end(inputOf(call));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return outcomeOf(status, Buffer.concat(stdout).toString(), Buffer.concat(stderr).toString());
}

/** A network namespace without a name: a path that any process can open, and nothing left behind when we end. */
export class Sandbox implements Disposable {
  readonly fd: number;
  readonly #sys: Sys;

  constructor(sys: Sys, fd: number = anonymousNetns(sys)) {
    this.#sys = sys;
    this.fd = fd;
  }

  get path(): string {
    return `/proc/${process.pid}/fd/${this.fd}`;
  }

  close(): void {
    this.#sys.close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** One with a name, which is removed with it. */
export class NamedSandbox extends Sandbox {
  readonly #file: string;
  readonly #system: Sys;

  constructor(sys: Sys, file: string) {
    createNetns(sys, file);
    super(sys, openNetns(sys, file));
    this.#file = file;
    this.#system = sys;
  }

  override get path(): string {
    return this.#file;
  }

  override close(): void {
    super.close();
    deleteNetns(this.#system, this.#file);
  }
}
