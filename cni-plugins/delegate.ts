// Running another plugin below this one: IPAM under an interface plugin, bridge under flannel. CNI specification,
// "Section 4: Plugin Delegation". The plugin is looked for in CNI_PATH as the runtime would. What is found there is
// called in this process when it is ours: this very executable, or the client program that led to it (our plugins are
// links to one file). That saves a process start; anything else, a user's replacement of ours included, is run as a program.
import type { SpawnSyncReturns } from "node:child_process";
import { fileIdentity } from "#kernel/files";
import { runProgram } from "#kernel/programs";
import type { Sys } from "#kernel/sys";
import type { Command, Environment } from "./environment.ts";
import { CNI_ERROR, CniError, failure } from "./error.ts";
import { Fields, isObject, type JsonObject } from "./fields.ts";
import { readResult } from "./result/read.ts";
import type { Result } from "./result/types.ts";
import { decodeVersion } from "./version.ts";

/** The variables that name an attachment. */
export type AttachmentVariables = Pick<Environment, "containerId" | "ifname" | "netns">;

/** What a plugin may ask of the plugins below it, by `type` and with the configuration they shall get. */
export interface Delegates {
  /** @throws CniError 999 when there is no such plugin: better known before anything is made for it */
  require(type: string): void;
  add(type: string, document: JsonObject): Result;
  /** `attachment`: another one than the call's, for GC. */
  del(type: string, document: JsonObject, attachment?: AttachmentVariables): void;
  check(type: string, document: JsonObject): void;
  gc(type: string, document: JsonObject): void;
  status(type: string, document: JsonObject): void;
}

/** Calls a plugin of our own in this process. */
export type CallOwn = (type: string, environment: Environment, document: JsonObject) => Result | undefined;

/** Our own executable: what another plugin's file is compared with. */
const SELF = "/proc/self/exe";
/** A plugin that is being installed cannot be run; the reference library waits 5 s in all as well. */
const BUSY_RETRIES = 50;
const BUSY_DELAY_MS = 100;
/** More than any result; a plugin that prints more is broken. */
const OUTPUT_LIMIT = 16 * 1024 * 1024;

/** @throws CniError 999 when CNI_PATH has no such file */
export function findPlugin(sys: Sys, type: string, directories: readonly string[]): { file: string; identity: string } {
  if (type === "") throw failure("no plugin name provided: `type` is empty");
  if (type.includes("/")) throw failure(`invalid plugin name: ${type}`);
  for (const directory of directories) {
    const file = directory === "" ? type : `${directory}/${type}`;
    const identity = fileIdentity(sys, file);
    if (identity !== undefined) return { file, identity };
  }
  throw failure(
    `failed to find plugin ${JSON.stringify(type)} in path [${directories.join(" ")}]; install it, or correct CNI_PATH`,
  );
}

/** The delegates of one invocation. */
export class PathDelegates implements Delegates {
  readonly #sys: Sys;
  readonly #environment: Environment;
  readonly #callOwn: CallOwn;
  readonly #writeError: (text: string) => void;
  readonly #client: string | undefined;

  /** `client`: identity of the program that stands for this executable under the plugins' names, where it is another. */
  constructor(
    sys: Sys,
    environment: Environment,
    callOwn: CallOwn,
    writeError: (text: string) => void,
    client?: string,
  ) {
    this.#sys = sys;
    this.#environment = environment;
    this.#callOwn = callOwn;
    this.#writeError = writeError;
    this.#client = client;
  }

  require(type: string): void {
    findPlugin(this.#sys, type, this.#environment.path);
  }

  add(type: string, document: JsonObject): Result {
    const result = this.#call("ADD", type, document);
    if (result === undefined) throw failure(`plugin ${type} succeeded but printed no result`);
    return result;
  }

  del(type: string, document: JsonObject, attachment?: AttachmentVariables): void {
    this.#call("DEL", type, document, attachment);
  }

  check(type: string, document: JsonObject): void {
    this.#call("CHECK", type, document);
  }

  gc(type: string, document: JsonObject): void {
    this.#call("GC", type, document);
  }

  status(type: string, document: JsonObject): void {
    this.#call("STATUS", type, document);
  }

  #call(command: Command, type: string, document: JsonObject, attachment?: AttachmentVariables): Result | undefined {
    const environment = { ...this.#environment, ...attachment, command };
    const { file, identity } = findPlugin(this.#sys, type, environment.path);
    if (identity === this.#client || identity === fileIdentity(this.#sys, SELF)) {
      return this.#callOwn(type, environment, document);
    }
    const output = this.#run(file, environment, document);
    return command === "ADD" ? readOutput(output, type, document) : undefined;
  }

  #run(file: string, environment: Environment, document: JsonObject): string {
    const { command, containerId, ifname, netns } = environment;
    const result = spawnPatiently(file, {
      input: JSON.stringify(document),
      env: {
        ...environment.variables,
        CNI_COMMAND: command,
        CNI_CONTAINERID: containerId,
        CNI_IFNAME: ifname,
        CNI_NETNS: netns,
      },
    });
    if (result.error !== undefined) throw failure(`cannot run plugin ${file}: ${result.error.message}`, result.error);
    if (result.status === 0) {
      if (result.stderr !== "") this.#writeError(result.stderr);
      return result.stdout;
    }
    throw pluginError(file, result);
  }
}

function spawnPatiently(
  file: string,
  options: { input: string; env: Record<string, string | undefined> },
): SpawnSyncReturns<string> {
  for (let tries = 0; ; tries++) {
    const result = runProgram(file, [], { ...options, maxBuffer: OUTPUT_LIMIT });
    const error: NodeJS.ErrnoException | undefined = result.error;
    if (error?.code !== "ETXTBSY" || tries === BUSY_RETRIES) return result;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_DELAY_MS);
  }
}

/** The error a plugin printed, or what can be told of one that printed none. */
function pluginError(file: string, result: SpawnSyncReturns<string>): CniError {
  const how = result.signal === null ? `exit status ${String(result.status)}` : `signal ${result.signal}`;
  let document: unknown;
  try {
    document = JSON.parse(result.stdout);
  } catch {
    const said = (result.stdout.trim() || result.stderr.trim()).slice(0, 2000);
    const text = said === "" ? "with no error message" : JSON.stringify(said);
    return failure(`netplugin ${file} failed ${text}: ${how}`);
  }
  const fields = new Fields(isObject(document) ? document : {});
  const code = fields.raw("code");
  const message = fields.raw("msg");
  const details = fields.raw("details");
  return new CniError(
    typeof code === "number" ? code : CNI_ERROR.internal,
    typeof message === "string" && message !== "" ? message : `netplugin ${file} failed: ${how}`,
    typeof details === "string" ? details : "",
  );
}

function readOutput(output: string, type: string, document: JsonObject): Result {
  let result: unknown;
  try {
    result = JSON.parse(output);
  } catch {
    throw failure(`plugin ${type} printed what is not JSON: ${JSON.stringify(output.slice(0, 200))}`);
  }
  if (!isObject(result)) throw failure(`plugin ${type} printed ${output.slice(0, 200)}, which is not a result`);
  return readResult(result, decodeVersion(new Fields(document).raw("cniVersion")), `result of ${type}`);
}
