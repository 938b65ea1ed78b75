// The delegate's configuration as it was at ADD, kept until DEL, when subnet.env may be gone or say something else.
// Each attachment has a file `<dataDir>/<container>:<interface>`. The name flannel uses, `<dataDir>/<container>`, is a
// second link to the file of the container's first attachment, so that flannel's plugin can take over, and files that
// it wrote are read. Neither part of a name can hold a colon.
import { makeDirectories, readText, removeFile, writeText } from "#kernel/files";
import { orThrow } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import { CNI_ERROR, CniError } from "../../error.ts";
import { isObject, type JsonObject } from "../../fields.ts";

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** A stored configuration. `ifname` is undefined for a file that flannel's plugin wrote. */
export interface Scratch {
  readonly containerId: string;
  readonly ifname: string | undefined;
  /** Undefined when the file holds no JSON object: a crash of the machine tore it. */
  readonly document: JsonObject | undefined;
}

/** errno.h */
const EEXIST = 17;

/** The stored configurations of one directory. */
export class ScratchDirectory {
  readonly #sys: Sys;
  readonly #directory: string;

  constructor(sys: Sys, directory: string) {
    this.#sys = sys;
    this.#directory = directory;
  }

  /** Stores a configuration and gives what was stored before. @throws CniError 5 */
  write(containerId: string, ifname: string, document: JsonObject): JsonObject | undefined {
    const previous = this.#parse(this.#own(containerId, ifname));
    const file = this.#own(containerId, ifname);
    const shared = this.#shared(containerId);
    try {
      makeDirectories(this.#sys, this.#directory, DIRECTORY_MODE);
      const wasShared = this.#areOne(file, shared);
      const next = `${this.#directory}/.${process.pid}.new`;
      // Not fsynced: after a crash of the machine the container is gone, and with it the need for the file.
      writeText(this.#sys, next, JSON.stringify(document), "replace", FILE_MODE);
      orThrow(this.#sys.rename(next, file), "rename", next);
      if (wasShared) removeFile(this.#sys, shared);
      const linked = this.#sys.link(file, shared);
      if (linked !== -EEXIST) orThrow(linked, "link", shared);
    } catch (error) {
      const text = `the delegate's configuration cannot be kept in ${file}: ${(error as Error).message}`;
      throw new CniError(CNI_ERROR.ioFailure, text, "check dataDir", error);
    }
    return previous;
  }

  /** What is stored for an attachment, a file of flannel's plugin included; undefined when there is nothing. */
  read(containerId: string, ifname: string, network: string): Scratch | undefined {
    const own = readText(this.#sys, this.#own(containerId, ifname));
    if (own !== undefined) return { containerId, ifname, document: asDocument(own) };
    const shared = this.#shared(containerId);
    const text = readText(this.#sys, shared);
    if (text === undefined || this.#isLinked(shared)) return undefined;
    const document = asDocument(text);
    return document !== undefined && document["name"] !== network
      ? undefined
      : { containerId, ifname: undefined, document };
  }

  remove({ containerId, ifname }: Scratch): void {
    const shared = this.#shared(containerId);
    if (ifname === undefined) {
      removeFile(this.#sys, shared);
      return;
    }
    const file = this.#own(containerId, ifname);
    if (this.#areOne(file, shared)) removeFile(this.#sys, shared);
    removeFile(this.#sys, file);
  }

  /** Everything stored of one network. */
  list(network: string): Scratch[] {
    let names: string[];
    try {
      // Loaded for GC alone: it costs a millisecond.
      names = process.getBuiltinModule("node:fs").readdirSync(this.#directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
    return names.flatMap((name) => {
      const [containerId = "", ifname] = name.split(":");
      if (name.startsWith(".")) return [];
      const file = `${this.#directory}/${name}`;
      if (ifname === undefined && this.#isLinked(file)) return [];
      const document = this.#parse(file);
      return document?.["name"] === network ? [{ containerId, ifname, document }] : [];
    });
  }

  /** Whether a file has a second name: then it is ours, and known by that. */
  #isLinked(file: string): boolean {
    const status = this.#sys.stat(file, true);
    return typeof status === "object" && status.links > 1;
  }

  /** Whether two names are of one file. */
  #areOne(file: string, other: string): boolean {
    const [a, b] = [this.#sys.stat(file, true), this.#sys.stat(other, true)];
    return typeof a === "object" && typeof b === "object" && a.identity === b.identity;
  }

  #parse(file: string): JsonObject | undefined {
    const text = readText(this.#sys, file);
    return text === undefined ? undefined : asDocument(text);
  }

  #own(containerId: string, ifname: string): string {
    return `${this.#directory}/${containerId}:${ifname}`;
  }

  #shared(containerId: string): string {
    return `${this.#directory}/${containerId}`;
  }
}

function asDocument(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
