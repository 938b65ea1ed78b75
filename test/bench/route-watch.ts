// Counts the routes that come and go in the main table, by the kernel's own notifications: the moment the last one is
// there is known without asking anybody.
import { RTNLGRP_IPV4_ROUTE } from "#kernel/netlink/constants";
import { watchNetlink } from "#kernel/netlink/watch";
import { sys } from "#sys";

/** linux/rtnetlink.h; in struct rtmsg the second byte is the destination's length and the fifth the table. */
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RT_TABLE_MAIN = 254;

export class RouteWatch implements Disposable {
  added = 0;
  deleted = 0;
  /** When the last notification was read (performance.now). */
  at = 0;
  readonly #length: number;
  readonly #watch: Disposable;
  #changed = Promise.withResolvers<void>();

  /** @param length of the destinations to count */
  constructor(length: number) {
    this.#length = length;
    this.#watch = watchNetlink(
      sys,
      [RTNLGRP_IPV4_ROUTE],
      (messages) => {
        for (const { type, payload } of messages) {
          if (payload[1] !== this.#length || payload[4] !== RT_TABLE_MAIN) continue;
          if (type === RTM_NEWROUTE) this.added++;
          else if (type === RTM_DELROUTE) this.deleted++;
        }
        this.at = performance.now();
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
      },
      () => {
        throw new Error("notifications of routes were lost: the count means nothing");
      },
    );
  }

  reset(): void {
    this.added = 0;
    this.deleted = 0;
  }

  /** Resolves to the time at which so many had been seen since the last reset. */
  async until(counts: { readonly added?: number; readonly deleted?: number }): Promise<number> {
    while (this.added < (counts.added ?? 0) || this.deleted < (counts.deleted ?? 0)) await this.#changed.promise;
    return this.at;
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}
