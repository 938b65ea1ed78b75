// What an interface had before ADD, kept for DEL: `<dataDir>/<container>_<interface>.json`, the reference plugin's file, which
// either reads. Ours also tells whose it is, for GC.
import { makeDirectories, readText, removeFile, writeText } from "#kernel/files";
import { Mac } from "#kernel/ip/mac";
import { LINK_FLAG, type Link, type LinkChange } from "#kernel/netlink/link";
import { orThrow, type Sys } from "#kernel/sys";
import type { NetworkAttachment, Attachment } from "../../attachments.ts";
import { CNI_ERROR, CniError } from "../../error.ts";
import { isObject, type JsonObject } from "../../fields.ts";
import type { TuningConfig } from "./config.ts";

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** The reference plugin's indentation. */
const INDENT = 1;
const SUFFIX = ".json";

/** The attributes that are to be changed, as they are. */
function before(link: Link, config: TuningConfig): JsonObject {
  return {
    ...(config.mac === undefined ? {} : { mac: link.mac?.text ?? "" }),
    ...(config.promisc ? { promisc: (link.promiscuity ?? 0) !== 0 } : {}),
    ...(config.mtu === undefined ? {} : { mtu: link.mtu }),
    ...(config.allmulti === undefined ? {} : { allmulti: (link.flags & LINK_FLAG.allMulticast) !== 0 }),
    ...(config.txQLen === undefined ? {} : { txQLen: link.txQueueLength ?? 0 }),
  };
}

/** What a configuration changes of a link; undefined when it leaves the link alone. */
export function linkChange({ mac, promisc, mtu, allmulti, txQLen }: TuningConfig): LinkChange | undefined {
  const change: LinkChange = {
    ...(mac === undefined ? {} : { mac }),
    ...(promisc ? { promiscuous: true } : {}),
    ...(mtu === undefined ? {} : { mtu }),
    ...(allmulti === undefined ? {} : { allMulticast: allmulti }),
    ...(txQLen === undefined ? {} : { txQueueLength: txQLen }),
  };
  return Object.keys(change).length === 0 ? undefined : change;
}

/** The files of one directory. */
export class BackupDirectory {
  readonly #sys: Sys;
  readonly #directory: string;

  constructor(sys: Sys, directory: string) {
    this.#sys = sys;
    this.#directory = directory;
  }

  #file({ containerId, ifname }: Attachment): string {
    return `${this.#directory}/${containerId}_${ifname}${SUFFIX}`;
  }

  /**
   * Keeps what a link has. What an earlier ADD kept stays: it is older. Whether there was no file yet.
   * @throws CniError 5
   */
  keep(owner: NetworkAttachment, link: Link, config: TuningConfig): boolean {
    const file = this.#file(owner);
    const known = this.#read(file);
    const content = { ...before(link, config), ...known, ...owner };
    try {
      makeDirectories(this.#sys, this.#directory, DIRECTORY_MODE);
      const next = `${this.#directory}/.${owner.containerId}_${owner.ifname}.${process.pid}`;
      writeText(this.#sys, next, JSON.stringify(content, undefined, INDENT), "replace", FILE_MODE);
      orThrow(this.#sys.rename(next, file), "rename", next);
    } catch (error) {
      const text = `failed to save file ${file}: ${(error as Error).message}`;
      throw new CniError(CNI_ERROR.ioFailure, text, "check dataDir", error);
    }
    return known === undefined;
  }

  /** What restores a link; undefined when nothing was kept. */
  restoration(owner: Attachment): LinkChange | undefined {
    const known = this.#read(this.#file(owner));
    if (known === undefined) return undefined;
    const { mac, promisc, mtu, allmulti, txQLen } = known;
    const address = typeof mac === "string" ? Mac.tryParse(mac) : undefined;
    return {
      ...(address === undefined ? {} : { mac: address }),
      ...(typeof promisc === "boolean" ? { promiscuous: promisc } : {}),
      ...(typeof mtu === "number" && mtu > 0 ? { mtu } : {}),
      ...(typeof allmulti === "boolean" ? { allMulticast: allmulti } : {}),
      ...(typeof txQLen === "number" ? { txQueueLength: txQLen } : {}),
    };
  }

  remove(owner: Attachment): void {
    removeFile(this.#sys, this.#file(owner));
  }

  /** Every file that tells whose it is. */
  list(): readonly NetworkAttachment[] {
    let names: readonly string[];
    try {
      names = process.getBuiltinModule("node:fs").readdirSync(this.#directory);
    } catch {
      return [];
    }
    return names.flatMap((name) => {
      const known = name.endsWith(SUFFIX) ? this.#read(`${this.#directory}/${name}`) : undefined;
      if (known === undefined) return [];
      const { network, containerId, ifname } = known;
      const isOwned = typeof network === "string" && typeof containerId === "string" && typeof ifname === "string";
      return isOwned && `${containerId}_${ifname}${SUFFIX}` === name ? [{ network, containerId, ifname }] : [];
    });
  }

  /** Undefined for a file that is not there or torn. */
  #read(file: string): JsonObject | undefined {
    const text = readText(this.#sys, file);
    if (text === undefined) return undefined;
    try {
      const value: unknown = JSON.parse(text);
      return isObject(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }
}
