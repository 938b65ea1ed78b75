// Results of ADD kept for DEL, CHECK and GC, in the folder and format that libcni's users share (containerd, CRI-O, podman,
// cnitool): a file per attachment, 0600 in a folder of 0700.
import { readdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { systemFiles, writeFileAtomic } from "../../atomic-file.ts";
import type { Attachment, CniResult } from "./runtime.ts";

const KIND = "cniCacheV1";
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export interface CachedAttachment extends Attachment {
  readonly networkName: string;
  readonly result: CniResult | undefined;
}

/** The file's content. `config` is the configuration in base64. */
interface Entry {
  readonly kind: string;
  readonly containerId: string;
  readonly config: string;
  readonly ifName: string;
  readonly networkName: string;
  readonly netns?: string;
  readonly cniArgs?: readonly (readonly [string, string])[];
  readonly capabilityArgs?: Readonly<Record<string, unknown>>;
  readonly result?: CniResult;
}

export class ResultCache {
  readonly #folder: string;

  /** @param folder usually /var/lib/cni/results */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Every attachment that can be read, of all networks or of one. Empty when there is no folder. */
  list(networkName?: string): CachedAttachment[] {
    if (statSync(this.#folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
    return readdirSync(this.#folder)
      .toSorted()
      .flatMap((name) => read(path.join(this.#folder, name)) ?? [])
      .filter((entry) => networkName === undefined || entry.networkName === networkName);
  }

  find(networkName: string, containerId: string, ifname: string): CachedAttachment | undefined {
    return read(this.#file(networkName, containerId, ifname));
  }

  keep(networkName: string, config: string, attachment: Attachment, result: CniResult): void {
    const { containerId, ifname, netns, args, capabilityArgs } = attachment;
    const entry: Entry = {
      kind: KIND,
      containerId,
      config: Buffer.from(config).toString("base64"),
      ifName: ifname,
      networkName,
      netns,
      ...(args !== undefined && { cniArgs: argumentPairs(args) }),
      ...(capabilityArgs !== undefined && { capabilityArgs }),
      result,
    };
    writeFileAtomic(this.#file(networkName, containerId, ifname), JSON.stringify(entry), FILE_MODE, FOLDER_MODE);
  }

  forget(networkName: string, containerId: string, ifname: string): void {
    rmSync(this.#file(networkName, containerId, ifname), { force: true });
  }

  #file(...parts: readonly string[]): string {
    return path.join(this.#folder, parts.join("-"));
  }
}

/** A file that is none of these is somebody else's, or older than the format: not an error. */
function read(file: string): CachedAttachment | undefined {
  const entry = parse(systemFiles.read(file));
  if (entry?.kind !== KIND || ![entry.containerId, entry.ifName, entry.networkName].every(isText)) return undefined;
  const { containerId, ifName, networkName, netns, cniArgs, capabilityArgs, result } = entry;
  return {
    containerId,
    ifname: ifName,
    networkName,
    netns: isText(netns) ? netns : "",
    ...(Array.isArray(cniArgs) && { args: cniArgs.map((pair) => pair.join("=")).join(";") }),
    ...(capabilityArgs instanceof Object && { capabilityArgs }),
    result: result instanceof Object ? result : undefined,
  };
}

function parse(
  text: string | undefined,
): (Partial<Entry> & { containerId: string; ifName: string; networkName: string }) | undefined {
  try {
    const document = JSON.parse(text ?? "") as unknown;
    return document instanceof Object ? (document as Entry) : undefined;
  } catch {
    return undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** `A=1;B=2` as [["A","1"],["B","2"]]. */
export function argumentPairs(args: string): [string, string][] {
  return args
    .split(";")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const [name = "", ...value] = pair.split("=");
      return [name, value.join("=")];
    });
}
