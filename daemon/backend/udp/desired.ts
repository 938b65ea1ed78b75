// The udp backend: inner packets as they are in UDP datagrams (spec/udp.md). One device takes the packets for the whole
// network, and a data path behind it knows the node of each subnet. The objects are flannel's but for the last two kinds,
// which flannel keeps in its process.
import { FAMILIES, type Address, type Family } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { Lease, Network, Node, PerFamily } from "../../lease/types.ts";
import {
  addressObject,
  linkObject,
  routeObject,
  sysctlObject,
  tunnelObject,
  tunnelPeerObject,
} from "../../reconcile/objects.ts";
import type { KernelObject } from "../../reconcile/port.ts";
import { peerEndpoint } from "../endpoint.ts";
import type { Backend } from "../port.ts";
import { readUdpConfig, type UdpConfig } from "./config.ts";
import { takesSingle, udpData } from "./data.ts";

/** flannel's name for the first TUN device that it makes. */
export const TUNNEL_DEVICE = "flannel0";

/** @throws LodenError ERR_BACKEND for options that cannot be */
export function createUdp(network: Network, node: Node): Backend {
  const config = readUdpConfig(network, node);
  const families = FAMILIES.filter((family) => network.ranges[family] !== undefined);
  return {
    type: "udp",
    // flannel's udp writes no type, and takes every lease for one of its own.
    leaseType: "",
    warnings: config.warnings,
    mtu: () => config.mtu,
    advertise: () => udpData(config.datapath, families),
    base: (here) => tunnel(config, network, here, families),
    tunnels: (here) =>
      families
        .filter((family) => outerSource(here, family) !== undefined)
        .map((family) => ({ family, port: config.port })),
    peer: (here, lease, family) => onePeer(config, here, lease, family),
  };
}

function tunnel(config: UdpConfig, network: Network, node: Node, families: readonly Family[]): KernelObject[] {
  const link = TUNNEL_DEVICE;
  const { port, datapath, mtu } = config;
  const local: PerFamily<Address> = {};
  const subnet: PerFamily<Prefix> = {};
  for (const family of families) {
    const [source, own] = [outerSource(node, family), node.subnet[family]?.masked];
    if (source === undefined || own === undefined) continue;
    local[family] = source;
    subnet[family] = own;
  }
  const carried = families.filter((family) => subnet[family] !== undefined);
  if (carried.length === 0) return [];
  return [
    linkObject({
      name: link,
      mtu,
      up: true,
      detail: datapath === "kernel" ? { kind: "vxlan-gpe", port } : { kind: "tun" },
    }),
    // A peer must not be able to give this host routes or addresses through the tunnel.
    sysctlObject({ path: `net/ipv6/conf/${link}/accept_ra`, value: "0", link, ifPresent: true }),
    ...carried.flatMap((family) => {
      const base = subnet[family]!.first;
      return [
        addressObject({ link, address: Prefix.of(base, base.bits) }),
        routeObject({ destination: network.ranges[family]!.network, link, onlink: false }),
      ];
    }),
    tunnelObject({ datapath, link, underlay: node.link.name, port, local, subnet }),
  ];
}

/** The public address where this host has it: one that it does not have only tells peers where to send. */
function outerSource(node: Node, family: Family): Address | undefined {
  const wanted = node.publicAddress[family];
  if (wanted !== undefined && node.hostAddresses.some((own) => own.equals(wanted))) return wanted;
  return node.address[family];
}

function onePeer({ datapath }: UdpConfig, node: Node, lease: Lease, family: Family): KernelObject[] {
  const subnet = lease.subnet[family]?.masked;
  if (subnet === undefined) return [];
  const endpoint = peerEndpoint(node, lease, family);
  const isSingle = takesSingle(datapath, lease, family);
  return [tunnelPeerObject({ datapath, subnet, endpoint, ...(isSingle ? { isSingle } : {}) }, lease.key)];
}
