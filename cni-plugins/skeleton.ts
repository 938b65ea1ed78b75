// One invocation of a plugin, from the environment and the input to the output and the exit status. The order of the
// checks, their codes and texts follow the reference library's pkg/skel, with three differences: a namespace that is
// the plugin's own is refused before anything is done, errors carry cniVersion as the specification asks, and VERSION
// echoes the version it was asked with.
import { isAtLeast, isSupported, LATEST_VERSION, SUPPORTED_VERSIONS } from "#spec/cni-versions";
import { openNetns, sameNetns } from "#kernel/netns";
import { LodenError } from "#spec/errors";
import { networkName, parseDocument } from "./config.ts";
import { PathDelegates, type CallOwn } from "./delegate.ts";
import { readEnvironment, type Environment, type Variables } from "./environment.ts";
import { CNI_ERROR, CniError, failure, toCniError } from "./error.ts";
import { Fields, type JsonObject } from "./fields.ts";
import type { Call, Machine, Plugin } from "./plugin.ts";
import { printDocument, resultDocument } from "./result/print.ts";
import { decodeVersion, requireSupported, versionsOf } from "./version.ts";

/** The input and outputs of the process. */
export interface Streams {
  /** All of standard input. @throws when it cannot be read */
  readInput(): string;
  /** What standard input has at once; never waits long for a writer that may not come. */
  readAvailableInput(): string;
  writeOutput(text: string): void;
  writeError(text: string): void;
}

/** Finds a plugin of ours by its name. */
export type Registry = (name: string) => Plugin | undefined;

/** Commands that came with a later version of the specification, and the configuration version they need. */
const NEEDS_VERSION = { CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" } as const;

/**
 * Serves one invocation.
 * @returns the exit status: 0, or 1 with an error document on the output
 */
export function serve(
  plugin: Plugin,
  variables: Variables,
  streams: Streams,
  machine: Machine,
  registry: Registry,
): 0 | 1 {
  if ((variables["CNI_COMMAND"] ?? "").trim() === "") {
    streams.writeError(about(plugin));
    return 0;
  }
  let version: string = LATEST_VERSION;
  try {
    const environment = readEnvironment(variables);
    if (environment.command === "VERSION") {
      streams.writeOutput(versionReply(plugin, streams.readAvailableInput()));
      return 0;
    }
    const document = parseDocument(readAll(streams));
    version = versionForErrors(document);
    const netns = openContainerNetns(environment, machine);
    try {
      const writeError = (text: string): void => streams.writeError(text);
      const call = prepare(plugin, environment, document, { machine, registry, netns, writeError });
      requireNetns(plugin, environment, machine, netns);
      if (environment.command === "ADD") streams.writeOutput(printDocument(addWhole(plugin, call)));
      else run(plugin, call);
    } finally {
      if (netns.fd !== undefined) machine.sys.close(netns.fd);
    }
    return 0;
  } catch (thrown) {
    streams.writeOutput(printDocument(errorDocument(toCniError(thrown), version)));
    return 1;
  }
}

/** What stays the same when one plugin of ours calls another. */
interface Invocation {
  readonly machine: Machine;
  readonly registry: Registry;
  readonly netns: Netns;
  writeError(text: string): void;
}

/** The container's namespace: a descriptor, or why there is none. */
type Netns = { readonly fd: number } | { readonly fd: undefined; readonly reason: LodenError | undefined };

/** Checks what the command and the configuration say, for the plugin that was called or one below it. */
function prepare(plugin: Plugin, environment: Environment, document: JsonObject, invocation: Invocation): Call {
  const fields = new Fields(document);
  const name = networkName(fields);
  const { command } = environment;
  const version = decodeVersion(fields.raw("cniVersion"));
  if (command === "CHECK" || command === "GC" || command === "STATUS") {
    if (!isAtLeast(version, NEEDS_VERSION[command])) {
      throw new CniError(CNI_ERROR.incompatibleVersion, `config version does not allow ${command}`, `it is ${version}`);
    }
  }
  const { machine, netns } = invocation;
  const callOwn: CallOwn = (type, ownEnvironment, ownDocument) => {
    const own = invocation.registry(type);
    if (own === undefined) throw failure(`${type} is a link to this executable, which has no plugin of that name`);
    const call = prepare(own, ownEnvironment, ownDocument, invocation);
    if (ownEnvironment.command === "ADD") return own.add(call);
    run(own, call);
    return undefined;
  };
  return {
    environment,
    config: { name, cniVersion: requireSupported(plugin, version), fields, document },
    netns: netns.fd,
    machine,
    delegates: new PathDelegates(
      machine.sys,
      environment,
      callOwn,
      (text) => invocation.writeError(text),
      machine.client,
    ),
  };
}

/** Every command but ADD. */
function run(plugin: Plugin, call: Call): void {
  const { command } = call.environment;
  if (command === "DEL") plugin.del(call);
  if (command === "CHECK") plugin.check(call);
  if (command === "GC") plugin.gc(call);
  if (command === "STATUS") plugin.status(call);
}

/** A result that the configuration's version cannot express is a failure of ADD, which must leave nothing behind. */
function addWhole(plugin: Plugin, call: Call): object {
  const result = plugin.add(call);
  try {
    return resultDocument(result, call.config.cniVersion);
  } catch (error) {
    plugin.del(call);
    throw error;
  }
}

function openContainerNetns(environment: Environment, machine: Machine): Netns {
  if (environment.netns === "") return { fd: undefined, reason: undefined };
  try {
    return { fd: openNetns(machine.sys, environment.netns) };
  } catch (error) {
    if (error instanceof LodenError && error.code === "ERR_NETNS") return { fd: undefined, reason: error };
    throw error;
  }
}

function requireNetns(plugin: Plugin, environment: Environment, machine: Machine, netns: Netns): void {
  const { command } = environment;
  if (netns.fd === undefined) {
    if (!plugin.usesNetns || (command !== "ADD" && command !== "CHECK")) return;
    throw new CniError(
      CNI_ERROR.invalidEnvironment,
      `failed to open netns ${JSON.stringify(environment.netns)}: ${netns.reason?.message ?? "there is none"}`,
      "CNI_NETNS must be the path of a network namespace",
      netns.reason,
    );
  }
  if ((command !== "ADD" && command !== "DEL") || environment.allowOwnNetns) return;
  if (!sameNetns(machine.sys, netns.fd)) return;
  throw new CniError(
    CNI_ERROR.invalidNetns,
    "plugin's netns and netns from CNI_NETNS should not be the same",
    `CNI_NETNS is ${environment.netns}`,
  );
}

function readAll(streams: Streams): string {
  try {
    return streams.readInput();
  } catch (error) {
    throw new CniError(CNI_ERROR.ioFailure, `error reading from stdin: ${(error as Error).message}`, "", error);
  }
}

/** The version an error document shows: the configuration's where it is one we speak. */
function versionForErrors(document: JsonObject): string {
  const version = new Fields(document).raw("cniVersion");
  if (version === undefined || version === "") return SUPPORTED_VERSIONS[0];
  return typeof version === "string" && isSupported(version) ? version : LATEST_VERSION;
}

/** An error as the specification prints it. */
export function errorDocument(error: CniError, version: string): object {
  const { cniCode: code, message: msg, details } = error;
  return { cniVersion: version, code, msg, ...(details === "" ? {} : { details }) };
}

function versionReply(plugin: Plugin, input: string): string {
  let version: string = LATEST_VERSION;
  try {
    const asked = new Fields(parseDocument(input)).raw("cniVersion");
    if (typeof asked === "string" && isSupported(asked)) version = asked;
  } catch {
    // No input, or none that is a document: callers older than the specification's wish for one send nothing.
  }
  return `${JSON.stringify({ cniVersion: version, supportedVersions: versionsOf(plugin) })}\n`;
}

function about(plugin: Plugin): string {
  return `CNI ${plugin.name} plugin of Loden\nCNI protocol versions supported: ${versionsOf(plugin).join(", ")}\n`;
}
