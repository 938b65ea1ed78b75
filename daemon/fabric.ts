// What the daemon wants of the kernel besides the backend's objects: forwarding, traffic rules, the
// source filter, the blackhole route.
import { FAMILIES } from "#kernel/ip/address";
import { FORWARDING } from "#kernel/netlink/netconf";
import { readSysctl } from "#kernel/sysctl";
import type { Backend, Tunnel } from "./backend/port.ts";
import type { Network, Node } from "./lease/types.ts";
import { routeObject, sysctlObject } from "./reconcile/objects.ts";
import type { KernelObject } from "./reconcile/port.ts";
import type { Fabric } from "./reconcile/reconciler.ts";
import { type AcceptPlace, chooseFirewall, type Firewall, trafficObjects } from "./traffic/firewall.ts";
import { type TrafficOptions, trafficRules } from "./traffic/rules.ts";
import { peerSources, sourceFilter } from "./traffic/source-filter.ts";

export interface ExtrasOptions extends TrafficOptions {
  readonly firewall: Firewall;
  readonly blackhole: boolean;
  readonly sourceFilter: boolean;
  readonly nftTable: string;
  readonly peersTable: string;
}

/** What changes about a fabric while its configuration does not. */
export interface FabricState {
  /** All peers are known: what comes from elsewhere may be dropped. */
  readonly arePeersKnown: boolean;
  /** Where iptables needs accepting rules besides. */
  readonly accepts: readonly AcceptPlace[];
}

/** All that the reconciler is to hold besides what each lease adds; and each lease adds its node to the source filter. */
export function composeFabric(
  network: Network,
  node: Node,
  backends: readonly Backend[],
  options: ExtrasOptions,
  { arePeersKnown, accepts }: FabricState,
): Fabric {
  const { peersTable } = options;
  const isFiltering = options.sourceFilter && arePeersKnown;
  const tunnels = isFiltering ? backends.flatMap((backend) => backend.tunnels?.(node) ?? []) : [];
  return {
    network,
    node,
    backends: backends.map((backend) => withSources(backend, tunnels, peersTable)),
    extras: [...extraObjects(network, node, options, accepts), ...sourceFilter(tunnels, peersTable)],
  };
}

function withSources(backend: Backend, tunnels: readonly Tunnel[], table: string): Backend {
  if (tunnels.length === 0) return backend;
  return {
    ...backend,
    peer: (node, lease, family) => [...backend.peer(node, lease, family), ...peerSources(tunnels, lease, table)],
  };
}

/** Worse than any route to a bridge or a container, which must win while they are there. */
const BLACKHOLE_METRIC = 65_535;

/** accept_ra of linux's ip-sysctl.rst: 1 listens only while forwarding is off, 2 always. */
const ACCEPT_RA = { unlessForwarding: "1", always: "2" } as const;

function extraObjects(
  network: Network,
  node: Node,
  options: ExtrasOptions,
  accepts: readonly AcceptPlace[],
): KernelObject[] {
  const choice = chooseFirewall(options.firewall, network);
  return [
    ...forwarding(network, node),
    ...trafficObjects(trafficRules(network, node, options), choice, options.nftTable, options, accepts),
    ...(options.blackhole ? blackholes(node) : []),
  ];
}

function forwarding(network: Network, node: Node): KernelObject[] {
  const families = FAMILIES.filter((family) => network.ranges[family] !== undefined);
  const objects = families.map((family) => sysctlObject({ path: FORWARDING[family], value: "1" }));
  // A host that learns its own IPv6 default route from router advertisements would lose it by forwarding.
  const acceptRa = `net/ipv6/conf/${node.link.name}/accept_ra`;
  if (families.includes(6) && readSysctl(acceptRa) === ACCEPT_RA.unlessForwarding) {
    objects.push(sysctlObject({ path: acceptRa, value: ACCEPT_RA.always, ifPresent: true }));
  }
  return objects;
}

/** Without it, packets for addresses that no container has leave by the default route and may come back in a loop. */
function blackholes(node: Node): KernelObject[] {
  return FAMILIES.flatMap((family) => {
    const destination = node.subnet[family]?.masked;
    return destination === undefined
      ? []
      : [routeObject({ destination, type: "blackhole", metric: BLACKHOLE_METRIC, link: "", onlink: false })];
  });
}
