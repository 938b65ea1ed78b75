// FirewallView (life/firewall-watch.ts) on Linux.
import { describePrograms, hasPrograms } from "#kernel/iptables/programs";
import { NETLINK_NETFILTER, NFNLGRP_NFTABLES } from "#kernel/netlink/constants";
import { watchNetlink } from "#kernel/netlink/watch";
import { openNftQueries, queryCounter } from "#kernel/nft/query";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import type { FirewallView } from "../life/firewall-watch.ts";
import { familiesOf } from "./interface.ts";
import type { Marks } from "../reconcile/marks.ts";
import { DROP_COUNTER } from "../traffic/source-filter.ts";
import { readBarriers } from "./firewall.ts";

/** NFT_MSG_NEWTABLE to NFT_MSG_DELRULE of linux/netfilter/nf_tables.h; elements of sets come and go all the time. */
const LAST_RULE_MESSAGE = 8;

export function firewallView(sys: Sys, marks: Pick<Marks, "nftTable" | "peersTable">): FirewallView {
  let variant: ReturnType<FirewallView["defaultVariant"]>;
  return {
    barriers: ({ network, node, backend }) =>
      readBarriers(sys, {
        tables: new Set([marks.nftTable, marks.peersTable, "flannel-ipv4", "flannel-ipv6"]),
        networks: familiesOf(network.ranges).map((family) => network.ranges[family]!.network),
        devices: backend.base(node).flatMap((object) => (object.kind === "link" ? [object.spec.name] : [])),
      }),
    defaultVariant: () => {
      if (variant === undefined && hasPrograms(4, "default")) variant = describePrograms(4, "default").variant;
      return variant;
    },
    dropped: () => countDropped(sys, marks.peersTable),
    watch: (onChange) => {
      try {
        return watchNetlink(
          sys,
          [NFNLGRP_NFTABLES],
          (messages) => {
            if (messages.some(({ type }) => (type & 0xff) <= LAST_RULE_MESSAGE)) onChange();
          },
          onChange,
          { protocol: NETLINK_NETFILTER },
        );
      } catch (error) {
        // A kernel without nf_tables has nothing to tell.
        if (error instanceof LodenError && error.code === "ERR_SYSCALL") return { [Symbol.dispose]: () => undefined };
        throw error;
      }
    },
  };
}

function countDropped(sys: Sys, table: string): number | undefined {
  try {
    using socket = openNftQueries(sys);
    return queryCounter(socket, { family: "inet", table, name: DROP_COUNTER })?.packets;
  } catch (error) {
    if (error instanceof LodenError) return undefined;
    throw error;
  }
}
