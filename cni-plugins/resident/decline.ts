// What the resident leaves to a process of its own, before anything is done: calls that need another program, and calls
// that could mean something else here than where they were made.
import { fileIdentity } from "#kernel/files";
import type { Sys } from "#kernel/sys";
import { findPlugin } from "../delegate.ts";
import { isCommand } from "../environment.ts";
import { isObject } from "../fields.ts";
import type { Registry } from "../skeleton.ts";
import type { Request } from "./protocol.ts";

/** Files that are other ones for every process. */
const OWN_FILES = ["/self/", "/thread-self/", "/dev/fd", "/dev/std"];
/** A configuration nests plugins three deep at most: a list's plugin, its delegate, that one's IPAM. */
const DEPTH = 8;
/** What flannel calls when its configuration does not say. */
const FLANNEL_DELEGATES = ["bridge", "host-local"];

/** Why a call is not for this process; undefined when it is. */
export function reasonToDecline(sys: Sys, request: Request, registry: Registry): string | undefined {
  const { plugin, variables, input } = request;
  if (registry(plugin) === undefined) return `there is no plugin ${plugin}`;
  const command = variables["CNI_COMMAND"] ?? "";
  if (!isCommand(command) || command === "VERSION") return `${command} is not served`;
  const netns = variables["CNI_NETNS"] ?? "";
  const directories = (variables["CNI_PATH"] ?? "").split(":");
  if (netns !== "" && !netns.startsWith("/")) return "CNI_NETNS is relative";
  if (directories.some((directory) => !directory.startsWith("/"))) return "CNI_PATH has a relative directory";
  for (const text of [netns, ...directories, input]) {
    if (OWN_FILES.some((own) => `${text}/`.includes(own)))
      return "it names a file that is another one for every process";
  }
  const types = delegatesOf(plugin, input);
  if (plugin === "dhcp" || types.includes("dhcp")) return "a DHCP server may take its time to answer";
  const foreign = types.find((type) => isForeign(sys, type, directories, request.client));
  return foreign === undefined ? undefined : `the plugin ${foreign} in CNI_PATH is another program`;
}

/** Every plugin that a configuration names below the one that is called. Nothing for what is no JSON: that is an error. */
function delegatesOf(plugin: string, input: string): readonly string[] {
  const types = plugin === "flannel" ? [...FLANNEL_DELEGATES] : [];
  try {
    collectTypes(JSON.parse(input), types, 0);
  } catch {
    // The plugin says what is wrong with it.
  }
  return types;
}

function collectTypes(value: unknown, types: string[], depth: number): void {
  if (!isObject(value) || depth === DEPTH) return;
  for (const key of Object.keys(value)) {
    const below = value[key];
    const name = key.toLowerCase();
    if (name === "type" && depth > 0 && typeof below === "string") types.push(below);
    if (name === "ipam" || name === "delegate") collectTypes(below, types, depth + 1);
  }
}

/** A plugin that is not to be found is none: to say so takes no other program. */
function isForeign(sys: Sys, type: string, directories: readonly string[], client: string): boolean {
  let identity: string;
  try {
    ({ identity } = findPlugin(sys, type, directories));
  } catch {
    return false;
  }
  return identity !== client && identity !== fileIdentity(sys, "/proc/self/exe");
}
