// The vxlan backend's options (flannel's Documentation/backends.md), checked. README.md tells what each does.
import type { Family } from "#kernel/ip/address";
import { LodenError } from "#spec/errors";
import type { Network, Node } from "../../lease/types.ts";
import { boolean, integer, readOptions, text, unknownOptionWarnings } from "../options.ts";

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
const SMALLEST: Readonly<Record<Family, number>> = { 4: 68, 6: 1280 };

/** The VNI has 24 bits (RFC 7348 §5). */
const VNI_MAX = 2 ** 24 - 1;

const PORT_MAX = 65_535;

/**
 * What Linux takes when it is told no port, and so what flannel's peers use; IANA's 4789 is younger than the driver. Told
 * always, as a device left from a configuration with another port would otherwise be taken for the right one.
 */
const DEFAULT_PORT = 8472;

/** An IP packet's length has 16 bits. */
const MTU_MAX = 65_535;

const READERS = {
  VNI: integer(0, VNI_MAX),
  Port: integer(0, PORT_MAX),
  MTU: integer(0, MTU_MAX),
  GBP: boolean,
  Learning: boolean,
  DirectRouting: boolean,
  MacPrefix: text(/^[\da-f][02468ace]-[\da-f]{2}$/i, "two octets of a unicast MAC address, like 0E-2A"),
};

/** @throws LodenError ERR_BACKEND naming the option */
export function readVxlanConfig(network: Network, node: Node): VxlanConfig {
  const { values, unknown } = readOptions<{
    VNI: number;
    Port: number;
    MTU: number;
    GBP: boolean;
    Learning: boolean;
    DirectRouting: boolean;
    MacPrefix: string;
  }>("vxlan", network.backend.options, READERS);
  const warnings = unknownOptionWarnings("vxlan", unknown, Object.keys(READERS));
  // 0 stands for "not given" in Go, and so it does in configurations that flannel took.
  const wanted = values.MTU === undefined || values.MTU === 0 ? node.link.mtu : values.MTU;
  const underlay = Math.min(wanted, node.link.mtu);
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
    vni: values.VNI ?? 1,
    // As with flannel, 0 stands for "not given".
    port: values.Port === undefined || values.Port === 0 ? DEFAULT_PORT : values.Port,
    gbp: values.GBP ?? false,
    learning: values.Learning ?? false,
    directRouting: values.DirectRouting ?? false,
    macPrefix:
      values.MacPrefix === undefined
        ? undefined
        : Uint8Array.from(values.MacPrefix.split("-"), (octet) => Number.parseInt(octet, 16)),
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
