// Ownership marks: how Loden tells what it made from what others made, also after a restart. Only what bears the mark
// is ever pruned.
//
//   links        the alias `loden <scope>` (IFLA_IFALIAS)
//   routes       a protocol number of our own (rtm_protocol, linux/rtnetlink.h)
//   addresses, neighbours, FDB entries
//                permanent ones on a device that bears our alias; addresses only inside the fabric's networks
//   nft          tables of our own, by their names
//   sysctls      cannot be marked and are never undone
//
// The scope is the store's prefix: two daemons on one host serve two prefixes and leave each other's objects alone.
import { createHash } from "node:crypto";
import type { Prefix } from "#kernel/ip/prefix";

/** The prefix that flannel and Loden use when nothing else is asked for. */
export const DEFAULT_SCOPE = "/coreos.com/network";

/**
 * Route protocol of the default scope: "L". Free in linux/rtnetlink.h, in iproute2's rt_protos and among the network
 * fabrics we know of (calico has 80, OVN 84, openr 99).
 */
export const ROUTE_PROTOCOL = 76;

/** Protocols of other scopes, by hash: 100 to 127, free as well. */
const OTHER_PROTOCOLS = { first: 100, count: 28 } as const;

/** Some Loden daemon's routes bear this protocol. */
export function isLodenProtocol(protocol: number): boolean {
  const { first, count } = OTHER_PROTOCOLS;
  return protocol === ROUTE_PROTOCOL || (protocol >= first && protocol < first + count);
}

/** What every daemon's link alias begins with. */
export const ALIAS_PREFIX = "loden ";

/** Bytes that an alias has room for behind its prefix, IFALIASZ being 256 with the closing zero. */
const LONGEST_SCOPE = 255 - ALIAS_PREFIX.length;

/** RTPROT_BOOT: what flannel and `ip route add` write. */
export const PROTOCOL_BOOT = 3;

/** RTPROT_KERNEL: connected routes. Never ours to replace. */
export const PROTOCOL_KERNEL = 2;

export interface Marks {
  readonly scope: string;
  readonly isDefaultScope: boolean;
  readonly linkAlias: string;
  readonly routeProtocol: number;
  readonly nftTable: string;
  /** The table of the source filter, apart from the other's: it may stand before and after that one does. */
  readonly peersTable: string;
  /** Networks of the fabric, in which addresses on our devices are ours. */
  readonly networks: readonly Prefix[];
}

/** The marks of the daemon that serves `scope`, the store's prefix. */
export function ownershipMarks(scope: string, networks: readonly Prefix[]): Marks {
  if (scope === DEFAULT_SCOPE) {
    const names = { linkAlias: `${ALIAS_PREFIX}${scope}`, routeProtocol: ROUTE_PROTOCOL };
    return { scope, isDefaultScope: true, ...names, ...tableNames("loden"), networks };
  }
  const hash = createHash("sha256").update(scope).digest();
  return {
    scope,
    isDefaultScope: false,
    linkAlias: `${ALIAS_PREFIX}${Buffer.byteLength(scope) > LONGEST_SCOPE ? `sha256:${hash.toString("hex")}` : scope}`,
    routeProtocol: OTHER_PROTOCOLS.first + (hash.readUInt16BE(0) % OTHER_PROTOCOLS.count),
    ...tableNames(`loden-${hash.toString("hex").slice(0, 8)}`),
    networks,
  };
}

function tableNames(name: string): Pick<Marks, "nftTable" | "peersTable"> {
  return { nftTable: name, peersTable: `${name}-peers` };
}
