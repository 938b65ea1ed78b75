// The source filter: packets that are encapsulated for this host are taken from the addresses of live peers alone, and
// dropped otherwise. A table of its own with one set of addresses per family; each lease adds its own address, so that a
// change costs one element whatever the size of the cluster.
import { FAMILIES, type Family } from "#kernel/ip/address";
import type { Tunnel } from "../backend/port.ts";
import type { Lease } from "../lease/types.ts";
import { nftElementObject, nftTableObject } from "../reconcile/objects.ts";
import type { KernelObject } from "../reconcile/port.ts";

/** inet serves both families. */
const FAMILY = "inet";

/** Counts what is dropped, packets of both families. */
export const DROP_COUNTER = "foreign";

/**
 * Packets for this host alone: what containers send each other is passed on, and never seen here. The hook comes behind
 * routing, defragmentation and whatever was translated, so that judged is what a socket would get. Before the filters of
 * others (NF_IP_PRI_RAW of linux/netfilter_ipv4.h); and a packet that is dropped leaves no entry in connection tracking,
 * which confirms at the end of this hook.
 */
const HOOK = { hook: "input", prio: -300 } as const;

/** Bits behind the start of the UDP header (RFC 768) at which the VXLAN header has the VNI, and how many (RFC 7348 §5). */
const VNI = { offset: 64 + 32, len: 24 } as const;

const SETS: Readonly<Record<Family, { readonly name: string; readonly type: string; readonly protocol: string }>> = {
  4: { name: "peers4", type: "ipv4_addr", protocol: "ip" },
  6: { name: "peers6", type: "ipv6_addr", protocol: "ip6" },
};

/**
 * The table that lets nobody but peers reach the tunnels; none without tunnels. Of a port that others use as well, with
 * other VNIs, only our VNIs are judged; what is too short to have a VNI is nobody's and is dropped.
 */
export function sourceFilter(tunnels: readonly Tunnel[], table: string): KernelObject[] {
  if (tunnels.length === 0) return [];
  const place = { family: FAMILY, table };
  const arriving = "arriving";
  const sets = FAMILIES.filter((family) => tunnels.some((tunnel) => tunnel.family === family));
  const groups = [...groupByPort(tunnels).values()];
  const rule = (chain: string, expr: readonly object[]): object => ({ add: { rule: { ...place, chain, expr } } });
  return [
    nftTableObject({
      family: FAMILY,
      name: table,
      content: [
        ...sets.map((family) => ({ add: { set: { ...place, name: SETS[family].name, type: SETS[family].type } } })),
        { add: { counter: { ...place, name: DROP_COUNTER } } },
        { add: { chain: { ...place, name: arriving, type: "filter", ...HOOK, policy: "accept" } } },
        // Whatever peers send passes by the address alone: this is the way of by far the most packets, and to look at the port
        // as well would cost each of them half as much again. The rest has a chain for each port.
        ...sets.map((family) => rule(arriving, [fromPeers(family), { accept: null }])),
        ...groups.flatMap((group) => {
          const chain = judging(group);
          return [
            { add: { chain: { ...place, name: chain } } },
            rule(arriving, [...toPort(group), { goto: { target: chain } }]),
            ...judgement(group).map((expr) => rule(chain, expr)),
          ];
        }),
      ],
    }),
  ];
}

/** A lease's addresses as elements, in the families in which a tunnel takes packets. */
export function peerSources(tunnels: readonly Tunnel[], lease: Lease, table: string): KernelObject[] {
  return FAMILIES.flatMap((family) => {
    const address = lease.publicAddress[family];
    if (address === undefined || !tunnels.some((tunnel) => tunnel.family === family)) return [];
    return [nftElementObject({ family: FAMILY, table, set: SETS[family].name, address }, lease.key)];
  });
}

function groupByPort(tunnels: readonly Tunnel[]): Map<string, Tunnel[]> {
  const groups = new Map<string, Tunnel[]>();
  for (const tunnel of tunnels) {
    groups.getOrInsertComputed(`${tunnel.family} ${tunnel.port}`, () => []).push(tunnel);
  }
  return groups;
}

/** The name of the chain that judges a family and port. */
function judging(tunnels: readonly Tunnel[]): string {
  const { family, port } = tunnels[0]!;
  return `port${port}v${family}`;
}

function toPort(tunnels: readonly Tunnel[]): object[] {
  const { family, port } = tunnels[0]!;
  return [
    match({ payload: { protocol: "udp", field: "dport" } }, port),
    // A port alone would be read as "either family".
    match({ meta: { key: "nfproto" } }, family === 4 ? "ipv4" : "ipv6"),
  ];
}

function fromPeers(family: Family): object {
  const { name, protocol } = SETS[family];
  return match({ payload: { protocol, field: "saddr" } }, `@${name}`);
}

/** The rules for what comes to one family and port from no peer: others' VNIs pass, the rest is dropped. */
function judgement(tunnels: readonly Tunnel[]): object[][] {
  const vnis = [...new Set(tunnels.flatMap(({ vni }) => vni ?? []))];
  const isShared = tunnels.every(({ vni }) => vni !== undefined);
  const foreignVni = match({ payload: { base: "th", ...VNI } }, vnis.length === 1 ? vnis[0] : { set: vnis }, "!=");
  return [...(isShared ? [[foreignVni, { return: null }]] : []), [{ counter: DROP_COUNTER }, { drop: null }]];
}

function match(left: object, right: unknown, op: "==" | "!=" = "=="): object {
  return { match: { op, left, right } };
}
