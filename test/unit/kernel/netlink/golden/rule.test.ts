// Rule requests against what iproute2 6.1 sends for the same command, byte for byte. The recordings are in
// test/golden/netlink/rule.txt.
import { describe } from "vitest";
import { Prefix } from "#kernel/ip/prefix";
import { type Rule, ruleDelete, ruleNew } from "#kernel/netlink/rule";
import type { Message } from "#kernel/netlink/wire";
import { holdAgainstRecordings } from "../../../../golden/netlink/hold.ts";

const net = (text: string): Prefix => Prefix.parse(text);
const v4 = (more: Partial<Rule> = {}): Rule => ({ family: 4, ...more });
const v4to100 = (more: Partial<Rule> = {}): Rule => ({ family: 4, table: 100, ...more });

const RULES: Record<string, () => Message> = {
  "ip rule add from 10.0.0.0/8 table 100": () => ruleNew(v4to100({ from: net("10.0.0.0/8") })),
  "ip rule add to 10.1.2.3 priority 77 table 1000": () =>
    ruleNew(v4({ to: net("10.1.2.3/32"), table: 1000, priority: 77 })),
  "ip -6 rule add from fd00::/8 to fd01::/16 priority 5 protocol 201 table 100": () =>
    ruleNew({ family: 6, from: net("fd00::/8"), to: net("fd01::/16"), table: 100, protocol: 201, priority: 5 }),
  "ip rule add not fwmark 0x10/0xff table 100": () => ruleNew(v4to100({ invert: true, mark: 0x10, markMask: 0xff })),
  "ip rule add iif lo table 100": () => ruleNew(v4to100({ iif: "lo" })),
  "ip rule add fwmark 7 oif lo table 100": () => ruleNew(v4to100({ mark: 7, oif: "lo" })),
  "ip rule add blackhole": () => ruleNew(v4({ action: "blackhole" })),
  "ip rule add unreachable": () => ruleNew(v4({ action: "unreachable" })),
  "ip rule add prohibit": () => ruleNew(v4({ action: "prohibit" })),
  "ip rule add goto 32766 priority 10": () => ruleNew(v4({ goto: 32_766, priority: 10 })),
  "ip rule add nop": () => ruleNew(v4({ action: "nop" })),
  "ip rule add table 254 suppress_prefixlength 0": () => ruleNew(v4({ suppressPrefixLength: 0 })),
  "ip rule add table 254 suppress_ifgroup 3": () => ruleNew(v4({ suppressGroup: 3 })),
  "ip rule add uidrange 1000-2000 table 100": () => ruleNew(v4to100({ uidRange: { low: 1000, high: 2000 } })),
  "ip rule add ipproto udp sport 53 dport 1000-2000 table 100": () =>
    ruleNew(
      v4to100({ ipProtocol: 17, sourcePorts: { low: 53, high: 53 }, destinationPorts: { low: 1000, high: 2000 } }),
    ),
  "ip rule add priority 1000 l3mdev": () => ruleNew(v4({ l3mdev: true, priority: 1000 })),
  "ip rule add tos 0x10 table 100": () => ruleNew(v4to100({ tos: 0x10 })),
  "ip rule add realms 3/4 table 100": () => ruleNew(v4to100({ realms: (3 << 16) | 4 })),
  "ip rule add tun_id 99 table 100": () => ruleNew(v4to100({ tunnelId: 99n })),
  "ip rule del priority 32766": () => ruleDelete(v4({ priority: 32_766 })),
  "ip rule del from 10.0.0.0/8 table 100": () => ruleDelete(v4to100({ from: net("10.0.0.0/8") })),
};

describe("a request is what iproute2 sends", () => {
  holdAgainstRecordings("rule", RULES);
});
