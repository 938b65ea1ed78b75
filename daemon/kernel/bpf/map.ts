// BPF maps: made, found by their pin, read and written in batches of thousands of entries a call (linux/bpf.h).
import { readFileSync } from "node:fs";
import type { Sys } from "../sys.ts";
import { Errno } from "../sys.ts";
import { Attr, NativeBuffer, bpf, tryBpf } from "./syscall.ts";

/** BPF_MAP_TYPE_*. */
export const MAP_TYPE = { hash: 1, array: 2, perCpuHash: 5, perCpuArray: 6, lruHash: 9, lpmTrie: 11 } as const;

export type MapType = keyof typeof MAP_TYPE;

export interface MapDefinition {
  /** At most 15 characters of [A-Za-z0-9_.]. */
  readonly name: string;
  readonly type: MapType;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

export interface MapEntry {
  readonly key: Uint8Array;
  /** Of a per-CPU map one after the other, each padded to 8 bytes. */
  readonly value: Uint8Array;
}

/** Memory is taken as entries come; LPM tries can do no other. */
const BPF_F_NO_PREALLOC = 1;
const NO_PREALLOC: ReadonlySet<MapType> = new Set(["hash", "perCpuHash", "lpmTrie"]);
const PER_CPU: ReadonlySet<MapType> = new Set(["perCpuHash", "perCpuArray"]);
/** Entries a call. */
const BATCH = 8192;
/** Values of one call: a per-CPU map has many bytes an entry. */
const BATCH_BYTES = 8 << 20;

const ENOENT = 2;
const ENOSPC = 28;
const ENOTSUPP = 524;
const EINVAL = 22;
/** Kernels without batches for the type: these. */
const NO_BATCH: ReadonlySet<number> = new Set([EINVAL, ENOTSUPP]);

/** BPF_ANY, BPF_NOEXIST. */
export const WRITE = { any: 0, new: 1 } as const;

let possibleCpus: number | undefined;

/** How many values an entry of a per-CPU map has: processors that may ever be, not those that are. */
export function countCpus(list = readFileSync("/sys/devices/system/cpu/possible", "utf8")): number {
  const numbers = list.trim().split(/[,-]/).map(Number);
  return Math.max(...numbers) + 1;
}

export class BpfMap implements Disposable {
  readonly definition: MapDefinition;
  readonly fd: number;
  readonly id: number;
  readonly #sys: Sys;
  readonly #valueBytes: number;

  /** Takes the descriptor over. */
  constructor(sys: Sys, fd: number, definition: MapDefinition, id: number) {
    this.#sys = sys;
    this.fd = fd;
    this.definition = definition;
    this.id = id;
    const each = (definition.valueSize + 7) & ~7;
    this.#valueBytes = PER_CPU.has(definition.type) ? each * (possibleCpus ??= countCpus()) : definition.valueSize;
  }

  /** @throws Errno EPERM without the right to (CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN) */
  static create(sys: Sys, definition: MapDefinition): BpfMap {
    const { name, type, keySize, valueSize, maxEntries } = definition;
    const flags = NO_PREALLOC.has(type) ? BPF_F_NO_PREALLOC : 0;
    const attr = new Attr().u32(0, MAP_TYPE[type]).u32(4, keySize).u32(8, valueSize).u32(12, maxEntries).u32(16, flags);
    const fd = bpf("mapCreate", attr.name(28, name), name);
    return new BpfMap(sys, fd, definition, readMapInfo(fd).id);
  }

  /** The map behind a descriptor; undefined, and the descriptor closed, when it is another than defined. */
  static of(sys: Sys, fd: number, definition: MapDefinition): BpfMap | undefined {
    const { type, keySize, valueSize, maxEntries, id } = readMapInfo(fd);
    const fits =
      type === MAP_TYPE[definition.type] &&
      keySize === definition.keySize &&
      valueSize === definition.valueSize &&
      maxEntries === definition.maxEntries;
    if (fits) return new BpfMap(sys, fd, definition, id);
    sys.close(fd);
    return undefined;
  }

  /** Undefined when there is no such entry. */
  get(key: Uint8Array): Uint8Array | undefined {
    using keys = NativeBuffer.of(key);
    using values = new NativeBuffer(this.#valueBytes);
    const result = tryBpf("mapLookup", this.#element(keys, values));
    if (result === -ENOENT) return undefined;
    if (result < 0) throw new Errno(-result, "bpf mapLookup", this.definition.name);
    return values.bytes.slice();
  }

  set(key: Uint8Array, value: Uint8Array, flags: number = WRITE.any): void {
    using keys = NativeBuffer.of(key);
    using values = NativeBuffer.of(value);
    bpf("mapUpdate", this.#element(keys, values).u64(24, BigInt(flags)), this.definition.name);
  }

  /** False when there was no such entry. */
  delete(key: Uint8Array): boolean {
    using keys = NativeBuffer.of(key);
    const result = tryBpf("mapDelete", this.#element(keys));
    if (result < 0 && result !== -ENOENT) throw new Errno(-result, "bpf mapDelete", this.definition.name);
    return result >= 0;
  }

  /** Writes many in few calls. An outcome per entry: undefined when it was written. */
  setAll(entries: readonly MapEntry[]): (Errno | undefined)[] {
    return this.#each(entries, "updateBatch", ({ key, value }) => this.set(key, value));
  }

  /** Deletes many in few calls; that one was not there is no failure. */
  deleteAll(keys: readonly Uint8Array[]): (Errno | undefined)[] {
    const entries = keys.map((key) => ({ key, value: NOTHING }));
    return this.#each(entries, "deleteBatch", ({ key }) => void this.delete(key));
  }

  /** Keys and values as the kernel lists them: the same bytes as long as nothing is added or taken away. */
  dump(): { readonly keys: Uint8Array; readonly values: Uint8Array; readonly count: number } {
    const { keySize } = this.definition;
    const room = Math.max(1, Math.min(BATCH, Math.floor(BATCH_BYTES / this.#valueBytes)));
    using keys = new NativeBuffer(room * keySize);
    using values = new NativeBuffer(room * this.#valueBytes);
    // The position in a hash is a number, in other maps a key.
    using position = new NativeBuffer(Math.max(keySize, 8));
    const parts: { keys: Uint8Array; values: Uint8Array }[] = [];
    let count = 0;
    for (let isFirst = true; ; isFirst = false) {
      const attr = new Attr().u64(8, position.address).u64(16, keys.address).u64(24, values.address);
      attr
        .u64(0, isFirst ? 0n : position.address)
        .u32(32, room)
        .u32(36, this.fd);
      const result = tryBpf("lookupBatch", attr);
      if (isFirst && NO_BATCH.has(-result)) return this.#dumpSlowly();
      // A bucket of a hash that holds more than there is room for.
      if (result === -ENOSPC) return this.#dumpSlowly();
      if (result < 0 && result !== -ENOENT) {
        throw new Errno(-result, "bpf lookupBatch", this.definition.name);
      }
      const got = attr.getU32(32);
      parts.push({ keys: keys.bytes.slice(0, got * keySize), values: values.bytes.slice(0, got * this.#valueBytes) });
      count += got;
      if (result < 0) break;
    }
    return { keys: concat(parts.map((part) => part.keys)), values: concat(parts.map((part) => part.values)), count };
  }

  /** All entries. */
  entries(): MapEntry[] {
    const { keys, values, count } = this.dump();
    const { keySize } = this.definition;
    return Array.from({ length: count }, (_, index) => ({
      key: keys.subarray(index * keySize, (index + 1) * keySize),
      value: values.subarray(index * this.#valueBytes, (index + 1) * this.#valueBytes),
    }));
  }

  [Symbol.dispose](): void {
    this.#sys.close(this.fd);
  }

  #element(key: NativeBuffer, value?: NativeBuffer): Attr {
    return new Attr()
      .u32(0, this.fd)
      .u64(8, key.address)
      .u64(16, value?.address ?? 0n);
  }

  #each(
    entries: readonly MapEntry[],
    command: "updateBatch" | "deleteBatch",
    single: (entry: MapEntry) => void,
  ): (Errno | undefined)[] {
    const outcomes: (Errno | undefined)[] = entries.map(() => undefined);
    let at = 0;
    while (at < entries.length) {
      const part = entries.slice(at, at + BATCH);
      const done = part.length === 1 ? 0 : this.#batch(part, command);
      at += done;
      if (done === part.length) continue;
      // The one that stopped the batch is looked at by itself; the rest goes on as a batch.
      try {
        single(entries[at]!);
      } catch (error) {
        if (!(error instanceof Errno)) throw error;
        outcomes[at] = error;
      }
      at++;
    }
    return outcomes;
  }

  /** How many were carried out before one failed. */
  #batch(entries: readonly MapEntry[], command: "updateBatch" | "deleteBatch"): number {
    using keys = NativeBuffer.of(concat(entries.map(({ key }) => key)));
    using values = NativeBuffer.of(concat(entries.map(({ value }) => value)));
    const attr = new Attr().u64(16, keys.address).u64(24, values.address).u32(32, entries.length).u32(36, this.fd);
    const result = tryBpf(command, attr);
    if (result >= 0) return entries.length;
    return NO_BATCH.has(-result) || attr.getU32(32) === entries.length ? 0 : attr.getU32(32);
  }

  #dumpSlowly(): { keys: Uint8Array; values: Uint8Array; count: number } {
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    using before = new NativeBuffer(this.definition.keySize);
    using next = new NativeBuffer(this.definition.keySize);
    for (let isFirst = true; keys.length <= this.definition.maxEntries; isFirst = false) {
      const attr = new Attr()
        .u32(0, this.fd)
        .u64(8, isFirst ? 0n : before.address)
        .u64(16, next.address);
      const result = tryBpf("mapNextKey", attr);
      if (result === -ENOENT) break;
      if (result < 0) throw new Errno(-result, "bpf mapNextKey", this.definition.name);
      before.bytes.set(next.bytes);
      const key = next.bytes.slice();
      const value = this.get(key);
      if (value === undefined) continue;
      keys.push(key);
      values.push(value);
    }
    return { keys: concat(keys), values: concat(values), count: keys.length };
  }
}

const NOTHING = new Uint8Array(0);

interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

/** struct bpf_map_info */
const MAP_INFO_SIZE = 80;

/** @throws Errno for a descriptor that is no map */
function readMapInfo(fd: number): MapInfo {
  using info = new NativeBuffer(MAP_INFO_SIZE);
  bpf("info", new Attr().u32(0, fd).u32(4, MAP_INFO_SIZE).u64(8, info.address));
  const view = new DataView(info.bytes.buffer, info.bytes.byteOffset, MAP_INFO_SIZE);
  const [type, id, keySize, valueSize, maxEntries] = [0, 4, 8, 12, 16].map((at) => view.getUint32(at, true));
  return { type: type!, id: id!, keySize: keySize!, valueSize: valueSize!, maxEntries: maxEntries! };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
