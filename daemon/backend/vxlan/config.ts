// The vxlan backend's options (flannel's Documentation/backends.md), checked. README.md tells what each does.
import type { Family } from "#kernel/ip/address";
import { vxlanOptionsContract } from "#spec/documents/backend-options";
import { LodenError } from "#spec/errors";
import type { Network, Node } from "../../lease/types.ts";
import { readOptions } from "../options.ts";
import { underlayMtu } from "../underlay.ts";

export interface VxlanConfig {
  readonly vni: number;
  /** UDP port. */
  readonly port: number;
  readonly gbp: boolean;
  readonly learning: boolean;
  readonly directRouting: boolean;
  /** The first octets of the device's MAC, when the network asks for them. */
  readonly macPrefix: Uint8Array | undefined;
  /** MTU of the devices. */
  readonly mtu: Readonly<Record<Family, number>>;
  readonly warnings: readonly string[];
}

/**
 * Bytes that the encapsulation adds inside the underlay's MTU: outer IP header, UDP 8, VXLAN 8, inner Ethernet 14
 * (RFC 7348 §5). flannel reckons with 50 for both families.
 */
export const OVERHEAD: Readonly<Record<Family, number>> = { 4: 20 + 8 + 8 + 14, 6: 40 + 8 + 8 + 14 };

/** The smallest MTU a device may have: RFC 791 §3.2 and RFC 8200 §5. */
export const SMALLEST: Readonly<Record<Family, number>> = { 4: 68, 6: 1280 };

/**
 * What Linux takes when it is told no port, and so what flannel's peers use; IANA's 4789 is younger than the driver. Told
 * always, as a device left from a configuration with another port would otherwise be taken for the right one.
 */
const DEFAULT_PORT = 8472;

/** @throws LodenError ERR_BACKEND naming the option */
export function readVxlanConfig(network: Network, node: Node): VxlanConfig {
  const { options, warnings } = readOptions(vxlanOptionsContract, network);
  // 0 stands for "not given" in Go, and so it does in configurations that flannel took.
  const path = underlayMtu(node);
  const wanted = options.MTU === undefined || options.MTU === 0 ? path : options.MTU;
  const underlay = Math.min(wanted, path);
  if (wanted > underlay) {
    warnings.push(
      `Backend.MTU of vxlan is ${wanted}, more than the ${underlay} of interface ${node.link.name}; ` +
        `${underlay} is used, as larger packets could not leave this host`,
    );
  }
  const mtu = { 4: underlay - OVERHEAD[4], 6: underlay - OVERHEAD[6] };
  for (const family of [4, 6] as const) {
    if (network.ranges[family] !== undefined) checkMtu(family, underlay, mtu[family], node);
  }
  return {
    vni: options.VNI ?? 1,
    // As with flannel, 0 stands for "not given".
    port: options.Port === undefined || options.Port === 0 ? DEFAULT_PORT : options.Port,
    gbp: options.GBP ?? false,
    learning: options.Learning ?? false,
    directRouting: options.DirectRouting ?? false,
    macPrefix:
      options.MacPrefix === undefined
        ? undefined
        : Uint8Array.from(options.MacPrefix.split("-"), (octet) => Number.parseInt(octet, 16)),
    mtu,
    warnings,
  };
}

function checkMtu(family: Family, underlay: number, mtu: number, node: Node): void {
  if (mtu >= SMALLEST[family]) return;
  throw new LodenError(
    "ERR_BACKEND",
    `an MTU of ${underlay} leaves ${mtu} bytes inside VXLAN, and IPv${family} needs ${SMALLEST[family]}; ` +
      `raise Backend.MTU or the MTU of interface ${node.link.name} to ${SMALLEST[family] + OVERHEAD[family]} or more`,
    { fields: { backend: "vxlan", link: node.link.name, mtu: underlay } },
  );
}
