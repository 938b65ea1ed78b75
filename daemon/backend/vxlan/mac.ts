// The MAC of this node's devices. It is the same for one node id, VNI and family, so that a re-made device, a reboot or a
// lost lease changes nothing for the peers (flannel draws one at random, and udev may change it after that). Where peers
// know the node by another one already, because flannel or an earlier run made the device, that one is kept.
// spec/decisions/vtep-mac.md has the reasons.
import { createHash } from "node:crypto";
import { FAMILIES, type Family } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import type { Link } from "#kernel/netlink/link";
import type { Lease, Node } from "../../lease/types.ts";
import type { VxlanConfig } from "./config.ts";
import { peerMac, peerVni } from "./data.ts";
import { deviceName } from "./device-name.ts";

export function vtepMac(config: VxlanConfig, node: Node, family: Family): Mac {
  const kept = node.macs?.get(deviceName(family, config.vni));
  if (kept !== undefined && hasPrefix(kept, config.macPrefix)) return kept;
  const seed = createHash("sha256").update(`loden vtep ${node.id} ${config.vni} ${family}`).digest();
  const mac = Mac.locallyAdministered(seed);
  if (config.macPrefix === undefined) return mac;
  const bytes = mac.toBytes();
  bytes.set(config.macPrefix);
  return Mac.fromBytes(bytes);
}

/**
 * The MACs by which peers may know this node, by device name: of the VXLAN devices that are there, else those that its
 * lease told of last.
 * @param told the node's own lease, as it was written last
 */
export function knownMacs(links: readonly Link[], told: Lease | undefined): ReadonlyMap<string, Mac> {
  const macs = new Map<string, Mac>();
  for (const family of FAMILIES) {
    const vni = told?.backendType === "vxlan" ? peerVni(told, family) : undefined;
    const mac = vni === undefined ? undefined : macOf(told!, family);
    if (mac !== undefined) macs.set(deviceName(family, vni!), mac);
  }
  for (const { name, kind, mac } of links) {
    if (kind?.kind !== "vxlan" || kind.vni === undefined || mac === undefined || !isUnicast(mac)) continue;
    if (FAMILIES.some((family) => deviceName(family, kind.vni!) === name)) macs.set(name, mac);
  }
  return macs;
}

function macOf(lease: Lease, family: Family): Mac | undefined {
  try {
    return peerMac(lease, family);
  } catch {
    // A lease of our own that nobody can use told peers nothing.
    return undefined;
  }
}

function hasPrefix(mac: Mac, prefix: Uint8Array | undefined): boolean {
  const bytes = mac.toBytes();
  return prefix === undefined || prefix.every((octet, index) => bytes[index] === octet);
}

function isUnicast(mac: Mac): boolean {
  const bytes = mac.toBytes();
  return (bytes[0]! & 1) === 0 && bytes.some((octet) => octet !== 0);
}
