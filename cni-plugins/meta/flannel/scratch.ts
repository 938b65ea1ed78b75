// The delegate's configuration as it was at ADD, kept until DEL, when subnet.env may be gone or say something else.
// Each attachment has a file `<dataDir>/<container>:<interface>`. The name flannel uses, `<dataDir>/<container>`, is a
// second link to the file of the container's first attachment, so that flannel's plugin can take over, and files that
// it wrote are read. Neither part of a name can hold a colon.
import * as fs from "node:fs";
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

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

function inode(file: string): number | undefined {
  return fs.statSync(file, { throwIfNoEntry: false })?.ino;
}

/** The stored configurations of one directory. */
export class ScratchDirectory {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Stores a configuration and gives what was stored before. @throws CniError 5 */
  write(containerId: string, ifname: string, document: JsonObject): JsonObject | undefined {
    const previous = this.#parse(this.#own(containerId, ifname));
    const file = this.#own(containerId, ifname);
    const shared = this.#shared(containerId);
    try {
      fs.mkdirSync(this.#directory, { recursive: true, mode: DIRECTORY_MODE });
      const wasShared = inode(file) !== undefined && inode(file) === inode(shared);
      const next = `${this.#directory}/.${process.pid}.new`;
      // Not fsynced: after a crash of the machine the container is gone, and with it the need for the file.
      fs.writeFileSync(next, JSON.stringify(document), { mode: FILE_MODE });
      fs.renameSync(next, file);
      if (wasShared) fs.rmSync(shared, { force: true });
      try {
        fs.linkSync(file, shared);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    } catch (error) {
      const text = `the delegate's configuration cannot be kept in ${file}: ${(error as Error).message}`;
      throw new CniError(CNI_ERROR.ioFailure, text, "check dataDir", error);
    }
    return previous;
  }

  /** What is stored for an attachment, a file of flannel's plugin included; undefined when there is nothing. */
  read(containerId: string, ifname: string, network: string): Scratch | undefined {
    const own = this.#text(this.#own(containerId, ifname));
    if (own !== undefined) return { containerId, ifname, document: asDocument(own) };
    const shared = this.#shared(containerId);
    const text = this.#text(shared);
    if (text === undefined || this.#isLinked(shared)) return undefined;
    const document = asDocument(text);
    return document !== undefined && document["name"] !== network
      ? undefined
      : { containerId, ifname: undefined, document };
  }

  remove({ containerId, ifname }: Scratch): void {
    const shared = this.#shared(containerId);
    if (ifname === undefined) {
      fs.rmSync(shared, { force: true });
      return;
    }
    const file = this.#own(containerId, ifname);
    const own = inode(file);
    if (own !== undefined && own === inode(shared)) fs.rmSync(shared, { force: true });
    fs.rmSync(file, { force: true });
  }

  /** Everything stored of one network. */
  list(network: string): Scratch[] {
    let names: string[];
    try {
      names = fs.readdirSync(this.#directory);
    } catch (error) {
      if (isAbsent(error)) return [];
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
    return (fs.statSync(file, { throwIfNoEntry: false })?.nlink ?? 0) > 1;
  }

  #parse(file: string): JsonObject | undefined {
    const text = this.#text(file);
    return text === undefined ? undefined : asDocument(text);
  }

  #text(file: string): string | undefined {
    try {
      return fs.readFileSync(file, "utf8");
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
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
