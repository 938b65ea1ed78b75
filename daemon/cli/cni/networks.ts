// The network configurations of a host, found as container runtimes find them: files of a folder in the order of their
// names, or one file (CNI specification 1.1, section 1; libcni for what a folder named like the network adds).
import { readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { ASSUMED_VERSION, isAtLeast, isSupported } from "#spec/cni-versions";
import { type ConfList, confListContract } from "#spec/documents/cni-conf-list";
import { errorText, LodenError } from "#spec/errors";
import { parseDocument, validate } from "#spec/validate";
import type { Network, PluginEntry } from "./runtime.ts";

export interface FoundNetwork {
  readonly file: string;
  readonly network: Network;
  /** The configuration as it was written, for the cache of results. */
  readonly text: string;
}

/** Validation keeps the options that a plugin has of its own. */
type ReadList = Omit<ConfList, "plugins"> & { readonly plugins?: readonly PluginEntry[] };

const EXTENSIONS = [".conf", ".conflist", ".json"];

/** The folder's configurations in order; what cannot be read is told to `complain`. Empty when there is no folder. */
export function listNetworks(folder: string, complain: (text: string) => void): FoundNetwork[] {
  return configurationFiles(folder).flatMap((file) => {
    try {
      return [readNetwork(file)];
    } catch (error) {
      complain(errorText(error));
      return [];
    }
  });
}

/**
 * A network by its name, or by the path of its file.
 * @throws LodenError ERR_USAGE when there is none; ERR_CONFIG
 */
export function findNetwork(folder: string, nameOrFile: string): FoundNetwork {
  if (nameOrFile.includes("/")) return readNetwork(nameOrFile);
  const broken: string[] = [];
  const found = listNetworks(folder, (text) => broken.push(text));
  const network = found.find(({ network: { name } }) => name === nameOrFile);
  if (network !== undefined) return network;
  const names = found.map(({ network: { name } }) => name);
  const there = names.length > 0 ? `there are ${names.join(", ")}` : "there are none";
  const also = broken.length > 0 ? `; not readable: ${broken.join("; ")}` : "";
  throw new LodenError("ERR_USAGE", `${folder} has no network ${JSON.stringify(nameOrFile)}: ${there}${also}`);
}

/** @throws LodenError ERR_CONFIG naming the file */
export function readNetwork(file: string): FoundNetwork {
  try {
    const text = readFileSync(file, "utf8");
    return { file, text, network: parseNetwork(text, path.dirname(file)) };
  } catch (error) {
    throw new LodenError("ERR_CONFIG", `${file}: ${errorText(error)}`, { cause: error, fields: { file } });
  }
}

function parseNetwork(text: string, folder: string): Network {
  const document = parseDocument({ ...confListContract, shape: {}, validate: () => true }, text);
  const list = isSinglePlugin(document) ? asList(document) : document;
  const { plugins = [], ...rest } = validate(confListContract, list) as ReadList;
  const { name, loadOnlyInlinedPlugins, cniVersions = [] } = rest;
  const isInlineOnly = loadOnlyInlinedPlugins === true || loadOnlyInlinedPlugins === "true";
  const all = isInlineOnly ? plugins : [...plugins, ...dropIns(path.join(folder, name))];
  if (all.length === 0) throw new LodenError("ERR_CONFIG", `network ${name} has no plugins`);
  return { ...rest, cniVersion: highest(rest.cniVersion, cniVersions), plugins: all };
}

/** A file of one plugin, the form from before there were lists. */
function isSinglePlugin(document: unknown): document is PluginEntry {
  return document instanceof Object && "type" in document && !("plugins" in document);
}

function asList(entry: PluginEntry): object {
  const { name, cniVersion } = entry;
  return { name, ...(cniVersion !== undefined && { cniVersion }), plugins: [entry] };
}

/** Plugins in files of their own, in a folder named like the network. */
function dropIns(folder: string): PluginEntry[] {
  return configurationFiles(folder, [".conf"]).map((file) => {
    const entry = JSON.parse(readFileSync(file, "utf8")) as unknown;
    return (validate(confListContract, { name: "drop-in", plugins: [entry] }) as ReadList).plugins![0]!;
  });
}

function configurationFiles(folder: string, extensions = EXTENSIONS): string[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(folder)
    .filter((name) => extensions.includes(path.extname(name)))
    .toSorted()
    .map((name) => path.join(folder, name));
}

function highest(version: string | undefined, others: readonly string[]): string {
  const known = [...(version === undefined ? [] : [version]), ...others].filter(isSupported);
  if (known.length === 0) return version ?? ASSUMED_VERSION;
  return known.reduce((best, next) => (isAtLeast(next, best) ? next : best));
}
