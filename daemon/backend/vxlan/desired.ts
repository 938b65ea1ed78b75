// The vxlan backend: the kernel's VXLAN device (RFC 7348) with no multicast and no flooding. Every peer has a fixed
// neighbour, forwarding entry and route, made from its lease. The objects are flannel's, one for one (README.md).
import { FAMILIES, type Address, type Family } from "#kernel/ip/address";
import type { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
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
import { directRoute } from "../direct-route.ts";
import { peerEndpoint } from "../endpoint.ts";
import type { Backend } from "../port.ts";
import { offLinkReason, pathMtu } from "../underlay.ts";
import { OVERHEAD, readVxlanConfig, SMALLEST, type VxlanConfig } from "./config.ts";
import { peerMac, peerVni, type VxlanData } from "./data.ts";
import { deviceName } from "./device-name.ts";
import { vtepMac } from "./mac.ts";

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
    tunnels: (here) =>
      families
        .filter((family) => outerSource(here, family) !== undefined)
        .map((family) => ({ family, port: config.port, vni: config.vni })),
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
  if (config.directRouting && offLinkReason(node, remote) === undefined) {
    return [directRoute(node, lease, subnet, remote, "vxlan")];
  }
  const link = deviceName(family, config.vni);
  const mac = peerMac(lease, family);
  if (mac.equals(vtepMac(config, node, family))) throw ownMac(lease, mac, link);
  const gateway = subnet.first;
  return [
    neighbourObject({ link, address: gateway, mac }, because),
    fdbObject({ link, mac, remote }, because),
    routeObject(
      { destination: subnet, gateway, link, onlink: true, ...narrowed(config, node, family, remote) },
      because,
    ),
  ];
}

/**
 * The route's MTU where the way to a peer carries less than the device is made for: containers are then told by ICMP how
 * much fits. Below the least MTU of the family the outer packets are fragmented instead.
 */
function narrowed(config: VxlanConfig, node: Node, family: Family, remote: Address): { mtu?: number } {
  const path = pathMtu(node, remote);
  if (path === undefined) return {};
  const mtu = Math.max(path - OVERHEAD[family], SMALLEST[family]);
  return mtu < config.mtu[family] ? { mtu } : {};
}

function ownMac(lease: Lease, mac: Mac, link: string): LodenError {
  return new LodenError(
    "ERR_LEASE_INVALID",
    `lease ${lease.key} cannot be used: its VtepMAC ${mac.toString()} is that of this node's own ${link}: give each node ` +
      "its own --node-id, and machine id (systemd-machine-id-setup) where one was cloned from the other",
    { fields: { lease: lease.key, mac: mac.toString() } },
  );
}
