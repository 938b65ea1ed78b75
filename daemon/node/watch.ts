// Tells when the host may be reached differently from now on: another link state, MTU or address, another default route.
import { watchNetlink } from "#kernel/netlink/watch";
import {
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
} from "#kernel/netlink/constants";
import type { Sys } from "#kernel/sys";

/** linux/rtnetlink.h */
const RTM_NEWLINK = 16;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;

/** Offset of the interface's index in struct ifinfomsg and struct ifaddrmsg alike: after four bytes. */
const INDEX_OFFSET = 4;

/** Offset of rtm_dst_len in struct rtmsg. */
const DESTINATION_LENGTH_OFFSET = 1;

/** @param index of the interface concerned; undefined for a default route, and where notifications were lost */
export type OnHostChange = (index: number | undefined) => void;

/** Watches the calling thread's network namespace. @throws LodenError ERR_SYSCALL */
export function watchHost(sys: Sys, onChange: OnHostChange): Disposable {
  const groups = [RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE];
  return watchNetlink(
    sys,
    groups,
    (messages) => {
      const touched = new Set<number | undefined>();
      for (const { type, payload } of messages) {
        if (type === RTM_NEWROUTE || type === RTM_DELROUTE) {
          // Routes of peers and containers come and go by the thousand.
          if (payload[DESTINATION_LENGTH_OFFSET] === 0) touched.add(undefined);
        } else if (type >= RTM_NEWLINK && type < RTM_NEWROUTE && type <= RTM_NEWADDR + 1) {
          if (payload.length >= INDEX_OFFSET + 4) {
            touched.add(new DataView(payload.buffer, payload.byteOffset).getInt32(INDEX_OFFSET, true));
          }
        }
      }
      for (const index of touched) onChange(index);
    },
    () => onChange(undefined),
  );
}
