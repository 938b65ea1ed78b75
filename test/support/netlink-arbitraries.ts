// Arbitrary links, addresses, routes, neighbours, forwarding entries and rules, with every field that travels.
import * as fc from "fast-check";
import { Address, type Family } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import type { LinkAddress } from "#kernel/netlink/addr";
import type { FdbEntry } from "#kernel/netlink/fdb";
import type { LinkKind, LinkPort } from "#kernel/netlink/link";
import type { Neighbour } from "#kernel/netlink/neigh";
import type { NextHop, Route } from "#kernel/netlink/route";
import type { Rule } from "#kernel/netlink/rule";

export const u8 = fc.integer({ min: 0, max: 0xff });
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
export const index = fc.integer({ min: 1, max: 0x7fff_ffff });
export const bool = fc.boolean();
const on = fc.constant(true);
const family = fc.constantFrom<Family>(4, 6);
export const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => Mac.fromBytes(bytes));
const addressOf = (of: Family) =>
  fc.bigInt(0n, (1n << (of === 4 ? 32n : 128n)) - 1n).map((value) => Address.fromBigInt(of, value));
const address = family.chain(addressOf);
const prefixOf = (of: Family) =>
  fc
    .tuple(addressOf(of), fc.integer({ min: 0, max: of === 4 ? 32 : 128 }))
    .map(([base, length]) => Prefix.of(base, length));
/** A destination: without host bits, as a length of 0 carries no address. */
const networkOf = (of: Family) => prefixOf(of).map((prefix) => prefix.masked);
/** Text as the kernel gives it back: no NUL, no broken surrogates. */
export const textOf = (maxLength: number) =>
  fc.string({ unit: "grapheme", minLength: 1, maxLength }).filter((text) => !text.includes("\0"));
export const bytes = fc.uint8Array({ maxLength: 64 });
const range = (part: fc.Arbitrary<number>) => fc.record({ low: part, high: part });
export const some = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;

const vxlan: fc.Arbitrary<LinkKind> = some({
  vni: u32,
  parent: index,
  local: address,
  group: address,
  port: u16,
  sourcePorts: range(u16),
  ttl: u8,
  ttlInherit: on,
  tos: u8,
  flowLabel: u32,
  df: fc.oneof(fc.constantFrom("unset" as const, "set" as const, "inherit" as const), fc.integer({ min: 3, max: 255 })),
  learning: bool,
  ageing: u32,
  limit: u32,
  proxy: bool,
  rsc: bool,
  l2miss: bool,
  l3miss: bool,
  udpCsum: bool,
  udpZeroCsum6Tx: bool,
  udpZeroCsum6Rx: bool,
  remcsumTx: bool,
  remcsumRx: bool,
  remcsumNoPartial: on,
  gbp: on,
  gpe: on,
  collectMetadata: bool,
  vniFilter: bool,
  localBypass: bool,
}).map((options) => ({ kind: "vxlan", ...options }));

const bridge: fc.Arbitrary<LinkKind> = some({
  forwardDelay: u32,
  helloTime: u32,
  maxAge: u32,
  ageingTime: u32,
  stpState: u32,
  priority: u16,
  vlanFiltering: bool,
  vlanProtocol: u16,
  vlanDefaultPvid: u16,
  vlanStats: bool,
  vlanStatsPerPort: bool,
  groupForwardMask: u16,
  multicastRouter: u8,
  multicastSnooping: bool,
  multicastQuerier: bool,
  multicastQueryUseIfaddr: bool,
  multicastHashMax: u32,
  multicastStats: bool,
  multicastIgmpVersion: u8,
  multicastMldVersion: u8,
  nfCallIptables: bool,
  nfCallIp6tables: bool,
  nfCallArptables: bool,
  boolOptions: fc.record({ value: u32, mask: u32 }),
}).map((options) => ({ kind: "bridge", ...options }));

/** What any link, a veth's peer included, may be asked for. */
export const attributes = some({
  index,
  name: textOf(15),
  mtu: u32,
  mac,
  broadcast: mac,
  txQueueLength: u32,
  group: u32,
  txQueues: u32,
  rxQueues: u32,
  gsoMaxSize: u32,
  gsoMaxSegments: u32,
  groMaxSize: u32,
  netnsFd: fc.integer({ min: 0, max: 0x7fff_ffff }),
  netnsPid: index,
  arp: bool,
  promiscuous: bool,
  multicast: bool,
});

const veth: fc.Arbitrary<LinkKind> = fc.oneof(
  fc.constant({ kind: "veth" as const }),
  attributes.map((peer) => ({ kind: "veth" as const, peer })),
);

const macvlan: fc.Arbitrary<LinkKind> = some({
  mode: fc.constantFrom("private" as const, "vepa" as const, "bridge" as const, "passthru" as const, "source" as const),
  flags: u16,
  sources: fc.array(mac, { maxLength: 8 }),
  broadcastQueueLength: u32,
  broadcastQueueLengthUsed: u32,
}).map((options) => ({ kind: "macvlan", ...options }));

const tun: fc.Arbitrary<LinkKind> = some({
  mode: fc.constantFrom("tun" as const, "tap" as const),
  owner: u32,
  group: u32,
  packetInfo: bool,
  vnetHdr: bool,
  persist: bool,
  multiQueue: bool,
  queues: u32,
  disabledQueues: u32,
}).map((options) => ({ kind: "tun", ...options }));

const ipvlan: fc.Arbitrary<LinkKind> = some({
  mode: fc.oneof(fc.constantFrom("l2" as const, "l3" as const, "l3s" as const), fc.constant(77)),
  flags: u16,
}).map((options) => ({ kind: "ipvlan", ...options }));

const qos = fc.array(fc.record({ from: u32, to: u32 }), { maxLength: 4 });
const vlan: fc.Arbitrary<LinkKind> = some({
  protocol: u16,
  id: u16,
  flags: fc.record({ flags: u32, mask: u32 }),
  ingressQos: qos,
  egressQos: qos,
}).map((options) => ({ kind: "vlan", ...options }));

const unknownKind = fc
  .record(
    { name: fc.constantFrom("geneve", "wireguard", "ipip", "vxlan2", "Bridge"), data: bytes },
    { requiredKeys: ["name"] },
  )
  .map((fields) => ({ kind: "other" as const, ...fields }));

export const kind = fc.oneof(
  ...[vxlan, bridge, veth, macvlan, ipvlan, vlan, tun],
  ...[fc.constant({ kind: "dummy" as const }), fc.constant({ kind: "ifb" as const }), unknownKind],
  some({ table: u32 }).map((options) => ({ kind: "vrf" as const, ...options })),
);

export const port: fc.Arbitrary<LinkPort> = fc.oneof(
  unknownKind,
  some({
    state: fc.constantFrom("disabled" as const, "forwarding" as const, "blocking" as const, 200),
    priority: u16,
    cost: u32,
    hairpin: bool,
    guard: bool,
    rootBlock: bool,
    fastLeave: bool,
    learning: bool,
    unicastFlood: bool,
    multicastFlood: bool,
    broadcastFlood: bool,
    multicastToUnicast: bool,
    multicastRouter: u8,
    proxyArp: bool,
    proxyArpWifi: bool,
    vlanTunnel: bool,
    groupForwardMask: u16,
    neighSuppress: bool,
    neighVlanSuppress: bool,
    isolated: bool,
    backupPort: u32,
    locked: bool,
    mab: bool,
  }).map((options) => ({ kind: "bridge" as const, ...options })),
);

export const linkAddress: fc.Arbitrary<LinkAddress> = family.chain((of) =>
  fc.record(
    {
      index,
      address: prefixOf(of),
      peer: addressOf(of),
      broadcast: addressOf(of),
      label: textOf(15),
      scope: fc.oneof(
        fc.constantFrom("global" as const, "site" as const, "link" as const, "host" as const),
        fc.constant(77),
      ),
      flags: u32,
      lifetime: fc.record({ preferred: seconds, valid: seconds }),
      metric: u32,
      protocol: u8,
    },
    { requiredKeys: ["index", "address", "scope", "flags"] },
  ),
);
const seconds = fc.oneof(fc.integer({ min: 0, max: 0xffff_fffe }), fc.constant(Infinity));

const encap = fc.record({ type: u16, data: bytes });
const hop: fc.Arbitrary<NextHop> = fc.record(
  {
    oif: index,
    gateway: address,
    weight: fc.integer({ min: 1, max: 256 }),
    onlink: on,
    encap,
  },
  { requiredKeys: ["weight"] },
);

export const route: fc.Arbitrary<Route> = family
  .chain((of) =>
    fc.record(
      {
        destination: networkOf(of),
        from: networkOf(of),
        table: u32.filter((table) => table > 0),
        protocol: u8,
        type: fc.oneof(
          fc.constantFrom("unicast" as const, "local" as const, "blackhole" as const, "throw" as const),
          fc.constant(200),
        ),
        scope: fc.oneof(
          fc.constantFrom("global" as const, "link" as const, "host" as const, "nowhere" as const),
          fc.constant(100),
        ),
        tos: fc.integer({ min: 1, max: 255 }),
        gateway: address,
        source: addressOf(of),
        oif: index,
        iif: index,
        priority: u32,
        mark: u32,
        onlink: on,
        metrics: some({
          lock: u32,
          mtu: u32,
          window: u32,
          rtt: u32,
          rttVariance: u32,
          slowStartThreshold: u32,
          congestionWindow: u32,
          advertisedMss: u32,
          reordering: u32,
          hopLimit: u32,
          initialCongestionWindow: u32,
          features: u32,
          minRto: u32,
          initialReceiveWindow: u32,
          quickAck: u32,
          congestionControl: textOf(15),
          fastOpenNoCookie: u32,
        }),
        nextHops: fc.array(hop, { maxLength: 5 }),
        nextHopId: u32,
        preference: fc.constantFrom("low" as const, "medium" as const, "high" as const),
        encap,
        expires: u32,
      },
      { requiredKeys: ["destination", "table", "protocol", "type", "scope"] },
    ),
  )
  // A route with a next hop object has no way of its own.
  .filter(
    ({ nextHopId, gateway, oif, encap, nextHops }) =>
      nextHopId === undefined || [gateway, oif, encap, nextHops].every((way) => way === undefined),
  );

const state = fc.oneof(
  fc.constantFrom("none" as const, "reachable" as const, "stale" as const, "noarp" as const, "permanent" as const),
  fc.constant(0xc0),
);
const cache = fc.record({ confirmed: u32, used: u32, updated: u32, references: u32 });

export const neighbour: fc.Arbitrary<Neighbour> = fc.record(
  { index, address, mac, state, flags: u8, protocol: u8, probes: u32, cache },
  { requiredKeys: ["index", "address", "state", "flags"] },
);

export const fdb: fc.Arbitrary<FdbEntry> = fc.record(
  {
    index,
    mac,
    state,
    flags: u8,
    remote: address,
    port: u16,
    vni: u32,
    sourceVni: u32,
    via: u32,
    vlan: u16,
    master: u32,
    nextHopId: u32,
    protocol: u8,
    cache,
  },
  { requiredKeys: ["index", "mac", "state", "flags"] },
);

export const rule: fc.Arbitrary<Rule> = family
  .chain((of) =>
    fc.record(
      {
        family: fc.constant(of),
        priority: u32,
        from: prefixOf(of),
        to: prefixOf(of),
        tos: fc.integer({ min: 1, max: 255 }),
        iif: textOf(15),
        oif: textOf(15),
        mark: u32,
        markMask: u32,
        uidRange: range(u32),
        ipProtocol: u8,
        sourcePorts: range(u16),
        destinationPorts: range(u16),
        tunnelId: fc.bigInt(0n, (1n << 64n) - 1n),
        invert: on,
        action: fc.oneof(
          fc.constantFrom("table" as const, "goto" as const, "nop" as const, "prohibit" as const),
          fc.constant(99),
        ),
        table: u32,
        l3mdev: bool,
        goto: u32,
        suppressPrefixLength: u32,
        suppressGroup: u32,
        realms: u32,
        protocol: u8,
      },
      { requiredKeys: ["family", "action", "table"] },
    ),
  )
  // A mask without a mark is read as mark 0.
  .filter(({ mark, markMask }) => mark !== undefined || markMask === undefined);
