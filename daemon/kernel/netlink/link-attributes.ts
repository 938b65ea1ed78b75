// The ifinfomsg header and the attributes that any link takes, whatever its kind: linux/if_link.h, linux/rtnetlink.h.
// Apart from link.ts because a veth's peer is described by the same bytes inside its sibling's message.
import type { Mac } from "../ip/mac.ts";

/** Device flags, IFF_* of linux/if.h. */
export const LINK_FLAG = {
  up: 0x1,
  broadcast: 0x2,
  loopback: 0x8,
  pointToPoint: 0x10,
  running: 0x40,
  noArp: 0x80,
  promiscuous: 0x100,
  allMulticast: 0x200,
  multicast: 0x1000,
  lowerUp: 0x10000,
  dormant: 0x20000,
} as const;

/** What a request may say of a link of any kind. Absent: the default at creation, no change afterwards. */
export interface LinkAttributes {
  /** Index wanted at creation; the kernel picks one when absent. */
  readonly index?: number;
  readonly name?: string;
  readonly mtu?: number;
  readonly mac?: Mac;
  readonly broadcast?: Mac;
  /** Free text, 255 bytes at most; Loden's ownership mark. */
  readonly alias?: string;
  readonly txQueueLength?: number;
  readonly group?: number;
  readonly up?: boolean;
  readonly arp?: boolean;
  readonly promiscuous?: boolean;
  readonly multicast?: boolean;
  /** At creation only. */
  readonly txQueues?: number;
  /** At creation only. */
  readonly rxQueues?: number;
  readonly gsoMaxSize?: number;
  readonly gsoMaxSegments?: number;
  readonly groMaxSize?: number;
  /** Descriptor of the namespace that the link is made in or moved to. */
  readonly netnsFd?: number;
  /** The same, as the namespace of a process. */
  readonly netnsPid?: number;
}
