// The vxlan backend: the kernel's VXLAN device (RFC 7348) with no multicast and no flooding. Every peer has a fixed
// neighbour, forwarding entry and route, made from its lease. The objects are flannel's, one for one (README.md).
import { FAMILIES, type Address, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Lease, Network, Node, PerFamily } from "../../lease/types.ts";
import {
  addressObject,
  fdbObject,
  linkObject,
  neighbourObject,
  routeObject,
  sysctlObject,
} from "../../reconcile/objects.ts";
import type { KernelObject } from "../../reconcile/port.ts";
import { isOnLink, peerEndpoint } from "../endpoint.ts";
import type { Backend } from "../port.ts";
import { readVxlanConfig, type VxlanConfig } from "./config.ts";
import { peerMac, peerVni, vtepMac, type VxlanData } from "./data.ts";

/** IFNAMSIZ in linux/if.h, with the closing zero. */
const NAME_SIZE = 16;

/**
 * flannel's device names, which scripts and firewalls know. A VNI of five digits or more does not fit behind
 * `flannel-v6.` (flannel fails there), nor one of eight behind `flannel.`: those get a short form.
 */
export function deviceName(family: Family, vni: number): string {
  const name = `${family === 4 ? "flannel" : "flannel-v6"}.${vni}`;
  return name.length < NAME_SIZE ? name : `${family === 4 ? "fl" : "fl6"}.${vni}`;
}

/** @throws LodenError ERR_BACKEND for options that cannot be */
export function createVxlan(network: Network, node: Node): Backend {
  const config = readVxlanConfig(network, node);
  const families = FAMILIES.filter((family) => network.ranges[family] !== undefined);
  return {
    type: "vxlan",
    leaseType: "vxlan",
    warnings: config.warnings,
    // Containers have one MTU for both families: the smaller one.
    mtu: () => Math.min(...families.map((family) => config.mtu[family])),
    advertise: (here) => {
      const data: PerFamily<VxlanData> = {};
      for (const family of families) {
        data[family] = { VNI: config.vni, VtepMAC: vtepMac(config, here, family).toString() };
      }
      return data;
    },
    base: (here) => families.flatMap((family) => device(config, here, family)),
    reaches: (lease) => families.every((family) => (peerVni(lease, family) ?? config.vni) === config.vni),
    peer: (here, lease, family) => onePeer(config, here, lease, family),
  };
}

function device(config: VxlanConfig, node: Node, family: Family): KernelObject[] {
  const local = outerSource(node, family);
  const subnet = node.subnet[family];
  if (local === undefined || subnet === undefined) return [];
  const name = deviceName(family, config.vni);
  const base = subnet.first;
  return [
    linkObject({
      name,
      mtu: config.mtu[family],
      mac: vtepMac(config, node, family),
      up: true,
      detail: {
        kind: "vxlan",
        vni: config.vni,
        port: config.port,
        local,
        parent: node.link.name,
        learning: config.learning,
        gbp: config.gbp,
      },
    }),
    addressObject({ link: name, address: Prefix.of(base, base.bits) }),
    // A peer must not be able to give this host routes or addresses through the tunnel.
    sysctlObject({ path: `net/ipv6/conf/${name}/accept_ra`, value: "0", link: name, ifPresent: true }),
  ];
}

/**
 * The outer source address. flannel sends from the public address, also where that is a NAT's and not this host's, and
 * such packets never come back. Here a public address that the host does not have only tells peers where to send.
 */
function outerSource(node: Node, family: Family): Address | undefined {
  const wanted = node.publicAddress[family];
  if (wanted !== undefined && node.hostAddresses.some((own) => own.equals(wanted))) return wanted;
  return node.address[family] ?? wanted;
}

function onePeer(config: VxlanConfig, node: Node, lease: Lease, family: Family): KernelObject[] {
  const subnet = lease.subnet[family]?.masked;
  if (subnet === undefined) return [];
  const because = lease.key;
  const remote = peerEndpoint(node, lease, family);
  if (config.directRouting && isOnLink(node, remote)) {
    const spec = { destination: subnet, gateway: remote, link: node.link.name, onlink: false };
    return [routeObject(spec, because)];
  }
  const link = deviceName(family, config.vni);
  const mac = peerMac(lease, family);
  const gateway = subnet.first;
  return [
    neighbourObject({ link, address: gateway, mac }, because),
    fdbObject({ link, mac, remote }, because),
    routeObject({ destination: subnet, gateway, link, onlink: true }, because),
  ];
}
