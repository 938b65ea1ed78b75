// The bytes of the BPF maps, as bpf/tunnel.h lays them out: numbers in the processor's order (little-endian on both that
// Loden runs on), addresses and ports in network order, IPv4 addresses in 16 bytes as ::ffff:a.b.c.d. Pure.
import { Address, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { MapDefinition } from "#kernel/bpf/map";
import { DROP_REASONS, type PeerTraffic } from "./datapath.ts";

/** A cluster of this many nodes has outgrown its etcd; entries take memory as they come. */
const MOST_PEERS = 65_536;

const CONFIG_SIZE = 84;
/** Six counters, and the way to the peer, which is the programs' own affair. */
const COUNTERS_SIZE = 80;

export const MAPS = {
  config: { name: "config", type: "array", keySize: 4, valueSize: CONFIG_SIZE, maxEntries: 1 },
  routes4: { name: "routes4", type: "lpmTrie", keySize: 8, valueSize: 8, maxEntries: MOST_PEERS },
  routes6: { name: "routes6", type: "lpmTrie", keySize: 20, valueSize: 20, maxEntries: MOST_PEERS },
  peers: { name: "peers", type: "hash", keySize: 16, valueSize: 4, maxEntries: MOST_PEERS },
  counters: { name: "counters", type: "perCpuHash", keySize: 16, valueSize: COUNTERS_SIZE, maxEntries: MOST_PEERS },
  path_mtu: { name: "path_mtu", type: "lruHash", keySize: 16, valueSize: 16, maxEntries: 16_384 },
  drops: { name: "drops", type: "perCpuArray", keySize: 4, valueSize: 8, maxEntries: DROP_REASONS.length },
  pace: { name: "pace", type: "perCpuArray", keySize: 4, valueSize: 16, maxEntries: 1 },
} as const satisfies Record<string, MapDefinition>;

export type MapName = keyof typeof MAPS;

/** The map of a family's subnets. */
export const ROUTES: Readonly<Record<Family, "routes4" | "routes6">> = { 4: "routes4", 6: "routes6" };

/** The key of the only entry of an array. */
export const FIRST = new Uint8Array(4);

/** The value of an entry of `peers`, which says by being there all that it has to say. */
export const PRESENT = Uint8Array.of(1, 0, 0, 0);

/** struct config */
export interface TunnelConfig {
  /** Indexes of links. */
  readonly tunnel: number;
  readonly underlay: number;
  /** The pass of packets that were let in: never 0. */
  readonly admitted: number;
  /** Bytes in front of the IP header on the underlay. */
  readonly linkHeader: number;
  readonly port: number;
  /** Index of the device that cuts trains. */
  readonly cutter: number;
  readonly local: { readonly [F in Family]?: Address };
  readonly subnet: { readonly [F in Family]?: Prefix };
}

const OFFSET = {
  port: 16,
  local: { 4: 20, 6: 24 },
  subnet: { 4: 40, 6: 48 },
  mask: { 4: 44, 6: 64 },
  cutter: 80,
} as const;

const LENGTH: Readonly<Record<Family, number>> = { 4: 4, 6: 16 };

export function encodeConfig(config: TunnelConfig): Uint8Array {
  const bytes = new Uint8Array(CONFIG_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, config.tunnel, true);
  view.setUint32(4, config.underlay, true);
  view.setUint32(8, config.admitted, true);
  view.setUint32(12, config.linkHeader, true);
  view.setUint16(OFFSET.port, config.port);
  view.setUint32(OFFSET.cutter, config.cutter, true);
  for (const family of [4, 6] as const) {
    const [local, subnet] = [config.local[family], config.subnet[family]];
    if (local !== undefined) bytes.set(local.toBytes(), OFFSET.local[family]);
    // No address, masked to nothing, is all ones.
    if (subnet === undefined) bytes.fill(0xff, OFFSET.subnet[family], OFFSET.subnet[family] + LENGTH[family]);
    else {
      bytes.set(subnet.first.toBytes(), OFFSET.subnet[family]);
      bytes.set(maskOf(subnet), OFFSET.mask[family]);
    }
  }
  return bytes;
}

/** Undefined for what was never written, or by nobody who knows how. */
export function decodeConfig(bytes: Uint8Array): TunnelConfig | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const admitted = view.getUint32(8, true);
  if (admitted === 0) return undefined;
  const local: { [F in Family]?: Address } = {};
  const subnet: { [F in Family]?: Prefix } = {};
  for (const family of [4, 6] as const) {
    const cut = (at: number): Uint8Array => bytes.slice(at, at + LENGTH[family]);
    const address = Address.fromBytes(cut(OFFSET.local[family]));
    if (!address.isUnspecified) local[family] = address;
    const length = maskLength(cut(OFFSET.mask[family]));
    if (length === undefined) return undefined;
    if (length > 0) subnet[family] = Prefix.of(Address.fromBytes(cut(OFFSET.subnet[family])), length);
  }
  return {
    tunnel: view.getUint32(0, true),
    underlay: view.getUint32(4, true),
    admitted,
    linkHeader: view.getUint32(12, true),
    port: view.getUint16(OFFSET.port),
    cutter: view.getUint32(OFFSET.cutter, true),
    local,
    subnet,
  };
}

function maskOf({ family, length }: Prefix): Uint8Array {
  return Uint8Array.from({ length: LENGTH[family] }, (_, index) => {
    const bits = Math.max(0, Math.min(8, length - index * 8));
    return (0xff << (8 - bits)) & 0xff;
  });
}

function maskLength(mask: Uint8Array): number | undefined {
  const bits = [...mask].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const length = bits.indexOf("0") < 0 ? bits.length : bits.indexOf("0");
  return bits.includes("1", length) ? undefined : length;
}

/** struct route_key4, struct route_key6 */
export function routeKey(subnet: Prefix): Uint8Array {
  const address = subnet.first.toBytes();
  const key = new Uint8Array(4 + address.length);
  new DataView(key.buffer).setUint32(0, subnet.length, true);
  key.set(address, 4);
  return key;
}

export function decodeRouteKey(key: Uint8Array): Prefix {
  const length = new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0, true);
  return Prefix.of(Address.fromBytes(key.slice(4)), length);
}

/** What a subnet's entry says. */
export interface TunnelRoute {
  readonly endpoint: Address;
  /** Only single packets with all checksums are sent to it. */
  readonly isSingle: boolean;
}

const ROUTE_SINGLE = 1;

/** struct route4, struct route6 */
export function encodeRoute({ endpoint, isSingle }: TunnelRoute): Uint8Array {
  const address = endpoint.toBytes();
  const value = new Uint8Array(address.length + 4);
  value.set(address);
  new DataView(value.buffer).setUint32(address.length, isSingle ? ROUTE_SINGLE : 0, true);
  return value;
}

export function decodeRoute(value: Uint8Array): TunnelRoute {
  const length = value.length - 4;
  const flags = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(length, true);
  return { endpoint: Address.fromBytes(value.slice(0, length)), isSingle: (flags & ROUTE_SINGLE) !== 0 };
}

/** struct address */
export function peerKey(endpoint: Address): Uint8Array {
  const bytes = endpoint.toBytes();
  if (bytes.length === 16) return bytes;
  const key = new Uint8Array(16);
  key.fill(0xff, 10, 12);
  key.set(bytes, 12);
  return key;
}

export function decodePeerKey(key: Uint8Array): Address {
  const isMapped = key.subarray(0, 10).every((byte) => byte === 0) && key[10] === 0xff && key[11] === 0xff;
  return Address.fromBytes(isMapped ? key.slice(12) : key.slice());
}

/** One entry of `counters`: the sum over processors. */
export function decodeCounters(key: Uint8Array, value: Uint8Array): PeerTraffic {
  const [sentPackets, sentBytes, sentDrops, receivedPackets, receivedBytes, receivedDrops] = sums(
    value,
    6,
    COUNTERS_SIZE,
  );
  return {
    endpoint: decodePeerKey(key),
    sentPackets: sentPackets!,
    sentBytes: sentBytes!,
    sentDrops: sentDrops!,
    receivedPackets: receivedPackets!,
    receivedBytes: receivedBytes!,
    receivedDrops: receivedDrops!,
  };
}

/**
 * Of numbers that stand one after the other for each processor, one sum each.
 * @param stride bytes of each processor
 */
export function sums(value: Uint8Array, count: number, stride = count * 8): bigint[] {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const result = Array.from({ length: count }, () => 0n);
  for (let at = 0; at + stride <= value.length; at += stride) {
    for (let index = 0; index < count; index++) result[index]! += view.getBigUint64(at + index * 8, true);
  }
  return result;
}
