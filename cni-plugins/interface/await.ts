// Waiting for the kernel: the state is asked, and asked again after each notification of a kind that can change it.
import type { Sys } from "#kernel/sys";

/** linux/netlink.h, bits/socket.h, poll.h */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

/** Groups of notifications as bits, RTMGRP_* of linux/rtnetlink.h. */
export const NOTIFY = { link: 0x1, ipv6Address: 0x100 } as const;

/** Larger than any notification we wait for; what is cut off is of no interest. */
const BUFFER_SIZE = 16 * 1024;

/**
 * Calls `probe` until it gives something else than undefined, or `timeout` milliseconds have passed. The notifications
 * are those of the calling thread's network namespace.
 */
export function awaitState<T>(sys: Sys, groups: number, timeout: number, probe: () => T | undefined): T | undefined {
  const first = probe();
  if (first !== undefined) return first;
  const fd = sys.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    const address = new DataView(new ArrayBuffer(12));
    address.setUint16(0, AF_NETLINK, true);
    address.setUint32(8, groups, true);
    sys.bind(fd, new Uint8Array(address.buffer));
    const buffer = new Uint8Array(BUFFER_SIZE);
    const end = performance.now() + timeout;
    for (;;) {
      // Asked after subscribing, so that no change in between is missed.
      const state = probe();
      const left = end - performance.now();
      if (state !== undefined || left <= 0) return state;
      sys.poll([{ fd, events: POLLIN, revents: 0 }], Math.ceil(left));
      // Any answer, an overrun included, only says that it is time to ask again.
      while (sys.receive(fd, buffer, MSG_DONTWAIT) > 0);
    }
  } finally {
    sys.close(fd);
  }
}
