// The udp backend's options, checked. README.md tells what each does.
import { FAMILIES, type Family } from "#kernel/ip/address";
import { udpOptionsContract } from "#spec/documents/backend-options";
import { LodenError } from "#spec/errors";
import type { Network, Node } from "../../lease/types.ts";
import type { DatapathMode } from "../../reconcile/port.ts";
import { readOptions } from "../options.ts";

export interface UdpConfig {
  /** UDP port of every node. */
  readonly port: number;
  readonly datapath: DatapathMode;
  /** MTU of the device: what fits both families' datagrams. */
  readonly mtu: number;
  readonly warnings: readonly string[];
}

/** Bytes in front of the inner packet inside the underlay's MTU: IP header and UDP. */
export const OVERHEAD: Readonly<Record<Family, number>> = { 4: 20 + 8, 6: 40 + 8 };

/** The smallest MTU a device may have: RFC 791 §3.2 and RFC 8200 §5. */
const SMALLEST: Readonly<Record<Family, number>> = { 4: 68, 6: 1280 };

/** flannel's; IANA has assigned it to nobody. */
const DEFAULT_PORT = 8285;

/** @throws LodenError ERR_BACKEND naming the option */
export function readUdpConfig(network: Network, node: Node): UdpConfig {
  const { options, warnings } = readOptions(udpOptionsContract, network);
  const families = FAMILIES.filter((family) => network.ranges[family] !== undefined);
  const mtu = Math.min(...families.map((family) => node.link.mtu - OVERHEAD[family]));
  for (const family of families) checkMtu(family, mtu, node);
  const { mode, reason } = chooseDatapath(options.Datapath ?? "auto", node);
  if (reason !== undefined) warnings.push(reason);
  return {
    // As with flannel, 0 stands for "not given".
    port: options.Port === undefined || options.Port === 0 ? DEFAULT_PORT : options.Port,
    datapath: mode,
    mtu,
    warnings,
  };
}

/** `reason` where it is not the kernel's though nothing forbids it. @throws LodenError ERR_BACKEND */
function chooseDatapath(wanted: string, node: Node): { mode: DatapathMode; reason?: string } {
  if (wanted === "userspace") return { mode: "userspace" };
  const obstacle = node.kernelDatapathObstacle?.();
  if (obstacle === undefined) return { mode: "kernel" };
  if (wanted === "kernel") {
    throw new LodenError(
      "ERR_BACKEND",
      `Backend.Datapath of udp is "kernel", and this host's kernel cannot carry the packets: ${obstacle}`,
      { fields: { backend: "udp" } },
    );
  }
  return {
    mode: "userspace",
    reason: `the udp backend's packets are carried by a thread of lodend, more slowly than the kernel would: ${obstacle}`,
  };
}

function checkMtu(family: Family, mtu: number, node: Node): void {
  if (mtu >= SMALLEST[family]) return;
  throw new LodenError(
    "ERR_BACKEND",
    `the MTU ${node.link.mtu} of interface ${node.link.name} leaves ${mtu} bytes inside UDP, and IPv${family} needs ` +
      `${SMALLEST[family]}; raise it to ${SMALLEST[family] + OVERHEAD[6]} or more`,
    { fields: { backend: "udp", link: node.link.name, mtu: node.link.mtu } },
  );
}
