// Tells when the host may be reached differently from now on, or reach others differently: another link state, MTU,
// address or route.
import { watchNetlink } from "#kernel/netlink/watch";
import {
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
} from "#kernel/netlink/constants";
import type { Prefix } from "#kernel/ip/prefix";
import { decodeRoute } from "#kernel/netlink/route";
import { ROUTE_TABLE } from "#kernel/netlink/route-types";
import type { Message } from "#kernel/netlink/wire";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import { isLodenProtocol } from "../reconcile/marks.ts";

/** linux/rtnetlink.h */
const RTM_NEWLINK = 16;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;

/** Offset of the interface's index in struct ifinfomsg and struct ifaddrmsg alike: after four bytes. */
const INDEX_OFFSET = 4;

/** Offset of rtm_protocol in struct rtmsg. */
const PROTOCOL_OFFSET = 5;

/** Routes of peers and of containers come and go by the thousand: more destinations than this are told of as one change. */
const MOST_DESTINATIONS = 64;

/**
 * @param index of the interface concerned; undefined for a route, and where notifications were lost
 * @param destination of the route; absent where it may be any
 */
export type OnHostChange = (index: number | undefined, destination?: Prefix) => void;

/** Watches the calling thread's network namespace. @throws LodenError ERR_SYSCALL */
export function watchHost(sys: Sys, onChange: OnHostChange): Disposable {
  const groups = [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE];
  return watchNetlink(
    sys,
    groups,
    (messages) => tellChanges(messages, onChange),
    () => onChange(undefined),
  );
}

/** Each link and each destination that the notifications are about is told of once. */
export function tellChanges(messages: readonly Pick<Message, "type" | "payload">[], onChange: OnHostChange): void {
  const touched = new Set<number | undefined>();
  const routed = new Map<string, Prefix>();
  for (const { type, payload } of messages) {
    if (type === RTM_NEWROUTE || type === RTM_DELROUTE) {
      const destination = destinationOf(payload);
      if (destination !== undefined) routed.set(destination.toString(), destination);
    } else if (type >= RTM_NEWLINK && type < RTM_NEWROUTE && type <= RTM_NEWADDR + 1) {
      if (payload.length >= INDEX_OFFSET + 4) {
        touched.add(new DataView(payload.buffer, payload.byteOffset).getInt32(INDEX_OFFSET, true));
      }
    }
  }
  if (routed.size > MOST_DESTINATIONS) touched.add(undefined);
  else for (const destination of routed.values()) onChange(undefined, destination);
  for (const index of touched) onChange(index);
}

/** Where a route of the main table leads that is none of Loden's; undefined for all others. */
function destinationOf(payload: Uint8Array): Prefix | undefined {
  if (isLodenProtocol(payload[PROTOCOL_OFFSET] ?? 0)) return undefined;
  try {
    const { destination, table } = decodeRoute(payload);
    return table === ROUTE_TABLE.main ? destination : undefined;
  } catch (error) {
    // A route of a kind that is not known here leads no peer's packets.
    if (error instanceof LodenError) return undefined;
    throw error;
  }
}
