// What a kernel may lack, found out by trying it in a namespace of its own. A test that needs such a feature is skipped
// with the reason where it is absent, and runs in the virtual machine of test/vm, where nothing of it is skipped.
import { spawnSync } from "node:child_process";

/** `ip -batch` lines; `below` is a link to stand on. */
const BELOW = "link add below type veth peer name other";
const PROBES = {
  "bridge VLAN filtering": ["link add probe type bridge vlan_filtering 1"],
  vlan: [BELOW, "link add link below name probe type vlan id 2"],
  ipvlan: [BELOW, "link add link below name probe type ipvlan mode l2"],
  dummy: ["link add probe type dummy"],
  vrf: ["link add probe type vrf table 10"],
  wireguard: ["link add probe type wireguard"],
  ipip: ["link add probe type ipip local 127.0.0.1 remote 127.0.0.2"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type KernelFeature = keyof typeof PROBES;

const found = new Map<KernelFeature, boolean>();

/** Set by test/vm/guest.sh: nothing may be missing there, so that a test which needs it fails when it is. */
export const inMachine = process.env["LODEN_VM"] !== undefined;

export function kernelHas(feature: KernelFeature): boolean {
  let has = inMachine ? true : found.get(feature);
  if (has === undefined) {
    const input = `${PROBES[feature].join("\n")}\n`;
    has = spawnSync("unshare", ["--net", "ip", "-batch", "-"], { input }).status === 0;
    found.set(feature, has);
  }
  return has;
}

/**
 * Options of a test, or a group of tests, that needs what a kernel may lack: skipped where it is absent, and marked to be
 * run in the virtual machine as well.
 */
export function needs(...features: readonly KernelFeature[]): { tags: string[]; skip: boolean } {
  return { tags: ["vm"], skip: !features.every(kernelHas) };
}

/** What to put behind the name of such a test: the reason when it is skipped, or nothing. */
export function reason(...features: readonly KernelFeature[]): string {
  const missing = features.filter((feature) => !kernelHas(feature));
  return missing.length === 0 ? "" : ` (the kernel lacks ${missing.join(" and ")})`;
}
