// Which firewall the traffic rules are written with: nftables, or iptables for those who ask for it, by the flag of this
// host or by the network's configuration (spec/decisions/firewall.md).
import type { Family } from "#kernel/ip/address";
import type { IptablesVariant } from "#kernel/iptables/programs";
import type { Network } from "../lease/types.ts";
import type { KernelObject } from "../reconcile/port.ts";
import { iptablesTraffic } from "./iptables.ts";
import { nftTraffic } from "./nftables.ts";
import type { TrafficOptions, TrafficRule } from "./rules.ts";

/** Values of --firewall. */
export const FIREWALLS = ["auto", "nftables", "iptables", "iptables-nft", "iptables-legacy"] as const;
export type Firewall = (typeof FIREWALLS)[number];

/** `nftables`, or the iptables to use. */
export type Choice = "nftables" | IptablesVariant;

/** An iptables whose FORWARD chain needs accepting rules as well. */
export interface AcceptPlace {
  readonly family: Family;
  readonly variant: Exclude<IptablesVariant, "default">;
}

const VARIANTS = { iptables: "default", "iptables-nft": "nft", "iptables-legacy": "legacy" } as const;

/** The flag decides, then what the network's configuration says, if it says anything; else nftables. */
export function chooseFirewall(flag: Firewall, { enableNFTables }: Pick<Network, "enableNFTables">): Choice {
  if (flag === "auto") return enableNFTables === false ? "default" : "nftables";
  return flag === "nftables" ? flag : VARIANTS[flag];
}

/** The rules as kernel objects. `accepts` is for nftables alone: iptables has the rules already. */
export function trafficObjects(
  rules: readonly TrafficRule[],
  choice: Choice,
  table: string,
  options: Pick<TrafficOptions, "fullyRandom">,
  accepts: readonly AcceptPlace[],
): KernelObject[] {
  if (choice !== "nftables") return iptablesTraffic(rules, choice, options);
  const accepting = accepts.flatMap(({ family, variant }) => {
    const forward = rules.filter((rule) => rule.chain === "forward" && rule.family === family);
    return iptablesTraffic(forward, variant, options);
  });
  return [...nftTraffic(rules, table, options), ...accepting];
}
