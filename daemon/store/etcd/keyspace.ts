// One network's keys in etcd, as flannel lays them out: `<prefix>/config` and `<prefix>/subnets/<lease key>`, joined as
// Go's path.Join joins (double and trailing slashes vanish); and release marks, `<prefix>/released/<lease key>`, which lie
// between the two and where flannel does not look. And the step from etcd's records to the port's.
import { isUtf8 } from "node:buffer";
import { posix } from "node:path";
import type { Entry, ReleaseMark, StoreEvent } from "../port.ts";
import { checkedLeaseKey, CONFIG_KEY, isLeaseKey } from "../record-key.ts";
import { type Event, Event_EventType, type KeyValue } from "./generated/kv_pb.js";

export class Keyspace {
  /** As text, for messages. */
  readonly prefix: string;
  readonly config: Uint8Array;
  readonly #subnets: Uint8Array;
  readonly #released: Uint8Array;
  /** From the configuration to the last lease: [start, end). One range, so that one request reads all of a network. */
  readonly start: Uint8Array;
  readonly end: Uint8Array;

  constructor(prefix: string) {
    const config = posix.join(prefix, CONFIG_KEY);
    this.prefix = posix.dirname(config);
    this.config = Buffer.from(config);
    this.#subnets = Buffer.from(`${posix.join(prefix, "subnets")}/`);
    this.#released = Buffer.from(`${posix.join(prefix, "released")}/`);
    this.start = this.config;
    this.end = Buffer.from(`${posix.join(prefix, "subnets")}0`); // "0" is the byte after "/"
  }

  /** The full key of a lease record. Throws ERR_LEASE_INVALID. */
  lease(key: string): Uint8Array {
    return Buffer.concat([this.#subnets, Buffer.from(checkedLeaseKey(key))]);
  }

  /** The full key of a release mark. Throws ERR_LEASE_INVALID. */
  releaseMark(key: string): Uint8Array {
    return Buffer.concat([this.#released, Buffer.from(checkedLeaseKey(key))]);
  }

  /** The port's name for a full key: "config", a lease key, or undefined for what is neither. */
  nameOf(key: Uint8Array): string | undefined {
    return Buffer.compare(key, this.config) === 0 ? CONFIG_KEY : leaseKeyBelow(this.#subnets, key);
  }

  /** The release mark that a record is; undefined for any other record. */
  markOf({ key, modRevision }: KeyValue): ReleaseMark | undefined {
    const name = leaseKeyBelow(this.#released, key);
    return name === undefined ? undefined : { key: name, modRevision };
  }

  eventOf(event: Event): StoreEvent | undefined {
    const { kv } = event;
    const name = kv === undefined ? undefined : this.nameOf(kv.key);
    if (kv === undefined || name === undefined) return undefined;
    if (event.type === Event_EventType.DELETE) return { type: "delete", key: name, modRevision: kv.modRevision };
    return { type: "put", entry: entryOf(name, kv) };
  }
}

function leaseKeyBelow(directory: Uint8Array, key: Uint8Array): string | undefined {
  const { length } = directory;
  if (key.length <= length || Buffer.compare(key.subarray(0, length), directory) !== 0) return undefined;
  const rest = key.subarray(length);
  if (!isUtf8(rest)) return undefined;
  const name = Buffer.from(rest.buffer, rest.byteOffset, rest.length).toString();
  return isLeaseKey(name) ? name : undefined;
}

/** A record under its port name. */
export function entryOf(name: string, kv: KeyValue): Entry {
  return {
    key: name,
    value: Buffer.from(kv.value.buffer, kv.value.byteOffset, kv.value.length).toString(),
    modRevision: kv.modRevision,
    createRevision: kv.createRevision,
    lease: kv.lease,
  };
}
