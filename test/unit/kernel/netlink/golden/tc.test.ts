// Traffic control requests against what tc of iproute2 6.1 sends for the same command, byte for byte. The recordings are in
// test/golden/netlink/tc.txt.
import { describe } from "vitest";
import { Prefix } from "#kernel/ip/prefix";
import { listAttrs } from "#kernel/netlink/attr";
import { ETH_P, filterNew, prefixKeys } from "#kernel/netlink/tc/filter";
import { INGRESS, INGRESS_HANDLE, ROOT, handleOf } from "#kernel/netlink/tc/message";
import { classNew, qdiscDelete, qdiscNew } from "#kernel/netlink/tc/qdisc";
import { align, type Message } from "#kernel/netlink/wire";
import { holdAgainstRecordings, type Difference } from "../../../../golden/netlink/hold.ts";

/** The device that every fixture's set-up makes. */
const index = 2;
const root = { index, handle: handleOf(1), parent: ROOT };
const ingress = { index, handle: INGRESS_HANDLE, parent: INGRESS };

const TC: Record<string, () => Message> = {
  "tc qdisc add dev ifb0 root handle 1: tbf rate 1mbit burst 125000b limit 128125b": () =>
    qdiscNew({ ...root, discipline: { kind: "tbf", rate: 125_000n, burst: 125_000n, limit: 128_125n } }),
  "tc qdisc add dev ifb0 root handle 1: tbf rate 40gbit burst 1000000b limit 2000000b": () =>
    qdiscNew({ ...root, discipline: { kind: "tbf", rate: 5_000_000_000n, burst: 1_000_000n, limit: 2_000_000n } }),
  "tc qdisc replace dev ifb0 root handle 1: tbf rate 8mbit burst 1000b limit 26000b": () =>
    qdiscNew({ ...root, discipline: { kind: "tbf", rate: 1_000_000n, burst: 1000n, limit: 26_000n } }, "replace"),
  "tc qdisc add dev ifb0 root handle 1: htb default 30": () =>
    qdiscNew({ ...root, discipline: { kind: "htb", defaultClass: 0x30 } }),
  "tc qdisc add dev ifb0 ingress": () => qdiscNew({ ...ingress, discipline: { kind: "ingress" } }),
  "tc qdisc del dev ifb0 ingress": () => qdiscDelete(ingress, "ingress"),
  "tc qdisc del dev ifb0 root": () => qdiscDelete({ index, parent: ROOT }),
  "tc class add dev ifb0 parent 1: classid 1:30 htb rate 8mbit burst 1000000b cburst 1000000b quantum 6000": () =>
    classNew({
      index,
      parent: handleOf(1),
      handle: handleOf(1, 0x30),
      htb: { rate: 1_000_000n, burst: 1_000_000n },
    }),
  "tc class add dev ifb0 parent 1: classid 1:1 htb rate 80gbit ceil 800gbit burst 1000000b cburst 1000000b quantum 6000":
    () =>
      classNew({
        index,
        parent: handleOf(1),
        handle: handleOf(1, 1),
        htb: { rate: 10_000_000_000n, ceil: 100_000_000_000n, burst: 1_000_000n },
      }),
  "tc filter add dev ifb0 parent 1: protocol ip prio 16 u32 match ip dst 10.1.0.0/16 flowid 1:1": () =>
    filterNew({
      index,
      parent: handleOf(1),
      priority: 16,
      protocol: ETH_P.ipv4,
      keys: prefixKeys(Prefix.parse("10.1.0.0/16"), "destination"),
      classId: handleOf(1, 1),
    }),
  "tc filter add dev ifb0 parent 1: protocol ipv6 prio 15 u32 match ip6 src fd00:1::/48 flowid 1:1": () =>
    filterNew({
      index,
      parent: handleOf(1),
      priority: 15,
      protocol: ETH_P.ipv6,
      keys: prefixKeys(Prefix.parse("fd00:1::/48"), "source"),
      classId: handleOf(1, 1),
    }),
  "tc filter add dev ifb0 parent ffff: protocol all prio 1 u32 match u32 0 0 action mirred egress redirect dev ifb0":
    () =>
      filterNew({
        index,
        parent: INGRESS_HANDLE,
        priority: 1,
        protocol: ETH_P.all,
        keys: [],
        redirect: index,
      }),
};

/** The tables of transmission times (struct tc_ratespec's cells), which the kernel has not looked at since 3.8. */
function withoutTables(types: readonly number[]): Difference {
  return {
    rewrite: (line) => {
      const [, type, content] = line.split(" ");
      if (type !== "0200" || content === undefined) return line;
      const bytes = Uint8Array.from(Buffer.from(content, "hex"));
      let at = 0;
      let kept = "";
      for (const attr of listAttrs(bytes)) {
        const length = align(4 + attr.value.length);
        if (!types.includes(attr.type)) kept += content.slice(at * 2, (at + length) * 2);
        at += length;
      }
      const total = Buffer.alloc(2);
      total.writeUInt16LE(4 + kept.length / 2);
      return `${total.toString("hex")} ${type} ${kept.replace(...ROUNDED)}`;
    },
  };
}

/** tc rounds the burst's time to microseconds and takes the rate that 32 bits hold; the kernel goes by TCA_TBF_BURST. */
const ROUNDED: readonly [string, string] = ["80841e00290e0000", "80841e00350c0000"];

const DIFFERENCES = Object.fromEntries(
  Object.keys(TC).flatMap((command): [string, Difference][] => {
    if (command.includes(" tbf ")) return [[command, withoutTables([2])]];
    return command.includes(" class ") ? [[command, withoutTables([3, 4])]] : [];
  }),
);

describe("a request is what tc sends", () => {
  holdAgainstRecordings("tc", TC, DIFFERENCES);
});
