// Reservations on disk, in the format of the reference plugin: one file per address in `<dataDir>/<network>`, the
// attachment in it, everything under flock(2) on `lock`. Both plugins may use a directory at the same time.
//
// The reference plugin reads every file to find an attachment's. We keep an index beside the directory, in
// `<dataDir>/.loden/<network>`, where it never looks. The index is trusted only as long as nobody else changed the
// directory: each change of ours ends by giving both directories one modification time, a whole second in the past,
// which no other program's change can leave behind. Where they differ, the index is rebuilt from the files.
import { makeDirectories, readText, removeFile, writeText } from "#kernel/files";
import { Address } from "#kernel/ip/address";
import { Errno, orThrow } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import { CNI_ERROR, CniError } from "../../error.ts";
import { isReboot, rememberBoot, thisBoot } from "./boot.ts";
import type { StoreConfig } from "./config.ts";
import { entryName, entryOfContent, ownerText, parseEntry, printEntry, type Reservation } from "./index-file.ts";

const INDEX_DIRECTORY = ".loden";
/** In the index: a reservation being written. Entries never begin with a dot. */
const DRAFT = ".new";
/** How all names of what is being written end, that of the boot's mark among them. */
const DRAFT_END = ".new";
const LOCK_FILE = "lock";
const LAST_PREFIX = "last_reserved_ip.";

/** fcntl.h and sys/file.h */
const O_RDONLY_CREATE = 0o100;
const LOCK_EX = 2;
const LOCK_MODE = 0o750;
const NS_PER_S = 1_000_000_000n;

/** errno.h */
const EPERM = 1;
const ENOENT = 2;
const EEXIST = 17;
const EXDEV = 18;
const EINVAL = 22;
const EOPNOTSUPP = 95;
/** What link(2) says where there cannot be a second name. */
const NO_LINKS: readonly number[] = [EPERM, EXDEV, EOPNOTSUPP];

/** The names in a directory. Loaded when needed: a listing is rare, and Node's `fs` costs a millisecond. */
function namesIn(directory: string): string[] {
  return process.getBuiltinModule("node:fs").readdirSync(directory);
}

/** The reservations of one network, locked from {@link open} to {@link close}. */
export class Store implements Disposable {
  readonly #sys: Sys;
  readonly #directory: string;
  readonly #index: string;
  readonly #lock: number;
  readonly #boot: string;
  #changed = false;

  /**
   * Opens and locks the store. `create: false` gives undefined where there is none.
   * @throws CniError 5 when the directory cannot be used
   */
  static open(sys: Sys, config: StoreConfig, create: true): Store;
  static open(sys: Sys, config: StoreConfig, create: boolean): Store | undefined;
  static open(sys: Sys, config: StoreConfig, create: boolean): Store | undefined {
    const directory = `${config.directory}/${config.network}`;
    try {
      const file = `${directory}/${LOCK_FILE}`;
      let lock = sys.openFile(file, O_RDONLY_CREATE, LOCK_MODE);
      if (lock === -ENOENT) {
        if (!create) return undefined;
        makeDirectories(sys, directory, 0o755);
        lock = sys.openFile(file, O_RDONLY_CREATE, LOCK_MODE);
      }
      orThrow(lock, "open", file);
      try {
        sys.flock(lock, LOCK_EX);
        return new Store(sys, config, directory, lock);
      } catch (error) {
        sys.close(lock);
        throw error;
      }
    } catch (error) {
      const text = `the reservations in ${directory} cannot be used: ${(error as Error).message}`;
      throw new CniError(CNI_ERROR.ioFailure, text, "check ipam.dataDir", error);
    }
  }

  private constructor(sys: Sys, config: StoreConfig, directory: string, lock: number) {
    this.#sys = sys;
    this.#directory = directory;
    this.#index = `${config.directory}/${INDEX_DIRECTORY}/${config.network}`;
    this.#lock = lock;
    this.#boot = thisBoot(sys);
    if (!this.#isTrusted()) this.#rebuild();
    if (config.reclaimOnReboot && isReboot(sys, this.#index, this.#boot)) this.#reclaimBeforeBoot();
  }

  /** Addresses of an attachment, those that a very old plugin reserved for the container as a whole included. */
  find(containerId: string, ifname: string): readonly string[] {
    const held = [...this.#read(entryName(containerId, ifname)), ...this.#read(entryName(containerId, ""))];
    return held.map((reservation) => reservation.address);
  }

  /** Reserves an address; false when it is taken. */
  reserve(address: Address, containerId: string, ifname: string): boolean {
    const file = this.#file(address.toString());
    if (!this.#linkDraft(file, containerId, ifname)) {
      if (!this.#reclaimEmpty(file) || !this.#linkDraft(file, containerId, ifname)) return false;
    }
    const modified = this.#modified(file);
    const name = entryName(containerId, ifname);
    this.#write(name, [...this.#read(name), { address: address.toString(), modified, boot: this.#boot }]);
    return true;
  }

  /** Frees the addresses of an attachment; those given by name only, where given. */
  release(containerId: string, ifname: string, only?: readonly string[]): void {
    for (const [name, owner] of [
      [entryName(containerId, ifname), ownerText(containerId, ifname)],
      [entryName(containerId, ""), ownerText(containerId, "")],
    ] as const) {
      const held = this.#read(name);
      const freed = held.filter(({ address }) => only === undefined || only.includes(address));
      if (freed.length === 0) continue;
      for (const reservation of freed) this.#unlink(reservation.address, owner);
      this.#write(
        name,
        held.filter((reservation) => !freed.includes(reservation)),
      );
      // As the reference plugin: old files are looked at only where there are no new ones.
      return;
    }
  }

  /** Frees what belongs to none of the entries; a container's old file stays while any attachment of it is valid. */
  retainOnly(attachments: readonly { readonly containerId: string; readonly ifname: string }[]): void {
    const valid = new Set<string>();
    for (const { containerId, ifname } of attachments) {
      valid.add(entryName(containerId, ifname)).add(entryName(containerId, ""));
    }
    for (const name of this.#entries()) {
      if (valid.has(name)) continue;
      for (const { address } of this.#read(name)) this.#unlinkOf(name, address);
      this.#write(name, []);
    }
    this.#removeDrafts();
  }

  /** The names of all addresses that are taken. */
  taken(): Set<string> {
    return new Set(namesIn(this.#directory));
  }

  /** Looks through all files for ones that hold nothing, and frees them. Reads every file: for a full pool only. */
  reclaimAllEmpty(): void {
    this.#rebuild();
  }

  /** Where the last search of a range set ended. */
  last(set: number): Address | undefined {
    const text = readText(this.#sys, this.#file(`${LAST_PREFIX}${set}`));
    return text === undefined ? undefined : Address.tryParse(text.trim());
  }

  setLast(set: number, address: Address): void {
    this.#changed = true;
    writeText(this.#sys, this.#file(`${LAST_PREFIX}${set}`), address.toString(), "replace");
  }

  close(): void {
    try {
      if (this.#changed) this.#agree();
    } finally {
      this.#sys.close(this.#lock);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Makes the file of a reservation, whole or not at all. False when there is one. */
  #linkDraft(file: string, containerId: string, ifname: string): boolean {
    const content = ownerText(containerId, ifname);
    this.#changed = true;
    const draft = this.#entry(DRAFT);
    // Left over from a crash, it would be a second name of a reservation.
    removeFile(this.#sys, draft);
    let linked: number;
    try {
      writeText(this.#sys, draft, content, "create");
      linked = this.#sys.link(draft, file);
    } finally {
      removeFile(this.#sys, draft);
    }
    if (linked === -EEXIST) return false;
    if (!NO_LINKS.includes(-linked)) return orThrow(linked, "link", file) === 0;
    // A file system without hard links, or the network's directory on another one than the index.
    try {
      writeText(this.#sys, file, content, "create");
      return true;
    } catch (error) {
      if (error instanceof Errno && error.errno === EEXIST) return false;
      throw error;
    }
  }

  /** Removes a file that a crash left without content. We hold the lock, so nobody is about to write it. */
  #reclaimEmpty(file: string): boolean {
    const content = readText(this.#sys, file);
    if (content !== undefined && entryOfContent(content) !== undefined) return false;
    removeFile(this.#sys, file);
    return true;
  }

  /** Removes what was being written when its writer was killed. We hold the lock, so nobody is writing. */
  #removeDrafts(): void {
    for (const name of namesIn(this.#index)) {
      if (!name.startsWith(".") || !name.endsWith(DRAFT_END)) continue;
      this.#changed = true;
      removeFile(this.#sys, this.#entry(name));
    }
  }

  /** Removes a reservation, if it is still the owner's. */
  #unlink(address: string, owner: string): void {
    const file = this.#file(address);
    if (readText(this.#sys, file)?.trim() === owner.trim()) removeFile(this.#sys, file);
  }

  #unlinkOf(name: string, address: string): void {
    const file = this.#file(address);
    const content = readText(this.#sys, file);
    if (content !== undefined && entryOfContent(content) === name) removeFile(this.#sys, file);
  }

  #isTrusted(): boolean {
    const index = this.#sys.stat(this.#index, true);
    if (index === -ENOENT) {
      makeDirectories(this.#sys, this.#index, 0o700);
      return false;
    }
    if (typeof index === "number") throw new Errno(-index, "stat", this.#index);
    const modified = this.#modified(this.#directory);
    return modified === index.modified && modified % NS_PER_S === 0n;
  }

  /** Makes the index trusted: see the head of this file. */
  #agree(): void {
    const time = Math.floor(Date.now() / 1000) - 1;
    for (const directory of [this.#directory, this.#index]) {
      orThrow(this.#sys.setTimes(directory, time), "utimensat", directory);
    }
  }

  /** Brings the index to what the files say, and removes files that say nothing. */
  #rebuild(): void {
    this.#changed = true;
    const found = new Map<string, Reservation[]>();
    for (const name of namesIn(this.#directory)) {
      if (Address.tryParse(name) === undefined) continue;
      const file = this.#file(name);
      const content = readText(this.#sys, file);
      if (content === undefined) continue;
      const entry = entryOfContent(content);
      if (entry === undefined) {
        removeFile(this.#sys, file);
        continue;
      }
      const modified = this.#modified(file);
      // What we did not see being made is taken to be of this boot: never free what may be in use.
      const known = this.#read(entry).find((item) => item.address === name && item.modified === modified);
      const list = found.get(entry) ?? [];
      list.push(known ?? { address: name, modified, boot: this.#boot });
      found.set(entry, list);
    }
    for (const name of this.#entries()) if (!found.has(name)) this.#write(name, []);
    for (const [name, reservations] of found) this.#write(name, reservations);
  }

  /** Frees what was reserved before the machine was started: no container outlives that. */
  #reclaimBeforeBoot(): void {
    for (const name of this.#entries()) {
      const held = this.#read(name);
      const current = held.filter(({ boot }) => boot === this.#boot);
      if (current.length === held.length) continue;
      for (const { address, boot } of held) if (boot !== this.#boot) this.#unlinkOf(name, address);
      this.#write(name, current);
    }
    this.#changed = true;
    rememberBoot(this.#sys, this.#index, this.#boot);
  }

  #entries(): string[] {
    return namesIn(this.#index).filter((name) => !name.startsWith("."));
  }

  #read(name: string): Reservation[] {
    const entry = this.#entry(name);
    const text = this.#sys.readlink(entry);
    if (typeof text === "string") return parseEntry(text);
    // EINVAL: not a symbolic link, so none of ours.
    if (text === -ENOENT || text === -EINVAL) return [];
    throw new Errno(-text, "readlink", entry);
  }

  #write(name: string, reservations: readonly Reservation[]): void {
    this.#changed = true;
    const entry = this.#entry(name);
    if (reservations.length === 0) {
      removeFile(this.#sys, entry);
      return;
    }
    const target = printEntry(reservations);
    let made = this.#sys.symlink(target, entry);
    if (made === -EEXIST) {
      removeFile(this.#sys, entry);
      made = this.#sys.symlink(target, entry);
    }
    orThrow(made, "symlink", entry);
  }

  /** When a file was last written, in nanoseconds. */
  #modified(file: string): bigint {
    const status = this.#sys.stat(file, false);
    if (typeof status === "object") return status.modified;
    throw new Errno(-status, "stat", file);
  }

  #file(name: string): string {
    return `${this.#directory}/${name}`;
  }

  #entry(name: string): string {
    return `${this.#index}/${name}`;
  }
}
