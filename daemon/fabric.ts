// What the daemon wants of the kernel besides the backend's objects: forwarding, traffic rules, the blackhole route.
import { FAMILIES, type Family } from "#kernel/ip/address";
import { readSysctl } from "#kernel/sysctl";
import type { Network, Node } from "./lease/types.ts";
import { routeObject, sysctlObject } from "./reconcile/objects.ts";
import type { KernelObject } from "./reconcile/port.ts";
import { nftTraffic } from "./traffic/nftables.ts";
import { type TrafficOptions, trafficRules } from "./traffic/rules.ts";

export interface ExtrasOptions extends TrafficOptions {
  readonly blackhole: boolean;
  readonly nftTable: string;
}

const FORWARDING: Readonly<Record<Family, string>> = {
  4: "net/ipv4/ip_forward",
  6: "net/ipv6/conf/all/forwarding",
};

/** Worse than any route to a bridge or a container, which must win while they are there. */
const BLACKHOLE_METRIC = 65_535;

/** accept_ra of linux's ip-sysctl.rst: 1 listens only while forwarding is off, 2 always. */
const ACCEPT_RA = { unlessForwarding: "1", always: "2" } as const;

export function extraObjects(network: Network, node: Node, options: ExtrasOptions): KernelObject[] {
  return [
    ...forwarding(network, node),
    ...nftTraffic(trafficRules(network, node, options), options.nftTable, options),
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
