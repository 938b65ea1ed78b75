// The ifinfomsg header and the attributes that any link takes, whatever its kind: linux/if_link.h, linux/rtnetlink.h.
// Apart from link.ts because a veth's peer is described by the same bytes inside its sibling's message.
import type { Mac } from "../ip/mac.ts";
import { readAttrs } from "./attr.ts";
import type { AttrWriter } from "./attr.ts";
import { bareText, headerView, i32, mac, readFields, text, u32, writeFields } from "./fields.ts";
import type { Field } from "./fields.ts";

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
  readonly txQueueLength?: number;
  readonly group?: number;
  readonly up?: boolean;
  readonly arp?: boolean;
  readonly promiscuous?: boolean;
  readonly allMulticast?: boolean;
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

/** What else a request may say, but not of a veth's peer. */
export interface LinkRequest extends LinkAttributes {
  /** Index of the bridge or other device to be a port of; 0 takes it out. */
  readonly master?: number;
  /** In a change only, for the kernel drops it silently when it makes a link: free text, 255 bytes at most. */
  readonly alias?: string;
  /** At creation: index of the underlay (macvlan; a vxlan has it among its own options). */
  readonly parent?: number;
  /** At creation: the namespace of `parent` where it is another one, as the id it has in ours. */
  readonly parentNetnsId?: number;
}

/** sizeof(struct ifinfomsg): u8 family, u8 pad, u16 type, i32 index, u32 flags, u32 change mask. */
export const IFINFOMSG_LENGTH = 16;

/** In iproute2's order, name last. */
const FIELDS: readonly Field<LinkRequest>[] = [
  [4, "mtu", u32],
  [1, "mac", mac],
  [2, "broadcast", mac],
  [20, "alias", bareText],
  [13, "txQueueLength", u32],
  [27, "group", u32],
  [31, "txQueues", u32],
  [32, "rxQueues", u32],
  [41, "gsoMaxSize", u32],
  [40, "gsoMaxSegments", u32],
  [58, "groMaxSize", u32],
  [28, "netnsFd", i32],
  [19, "netnsPid", i32],
  [5, "parent", u32],
  [37, "parentNetnsId", i32],
  [10, "master", u32],
  [3, "name", text],
];

/** The switches of a request and the flag bit each stands for; `arp` is the one that is set by its absence. */
const SWITCHES = [
  ["up", LINK_FLAG.up, false],
  ["arp", LINK_FLAG.noArp, true],
  ["promiscuous", LINK_FLAG.promiscuous, false],
  ["allMulticast", LINK_FLAG.allMulticast, false],
  ["multicast", LINK_FLAG.multicast, false],
] as const;

/** struct ifinfomsg of a request. */
export function linkHeader(link: LinkAttributes, family = 0): Uint8Array {
  let flags = 0;
  let change = 0;
  for (const [key, bit, inverted] of SWITCHES) {
    const value = link[key];
    if (value === undefined) continue;
    change |= bit;
    if (value !== inverted) flags |= bit;
  }
  const header = new DataView(new ArrayBuffer(IFINFOMSG_LENGTH));
  header.setUint8(0, family);
  header.setInt32(4, link.index ?? 0, true);
  header.setUint32(8, flags, true);
  header.setUint32(12, change, true);
  return new Uint8Array(header.buffer);
}

/** Writes the attributes that stand behind linkHeader's struct. */
export function writeLinkAttributes(writer: AttrWriter, link: LinkRequest): void {
  writeFields(writer, FIELDS, link);
}

/**
 * Reads a request's ifinfomsg and attributes back.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readLinkAttributes(payload: Uint8Array): LinkRequest {
  const header = headerView(payload, IFINFOMSG_LENGTH, "ifinfomsg");
  const index = header.getInt32(4, true);
  const flags = header.getUint32(8, true);
  const change = header.getUint32(12, true);
  const switches = SWITCHES.flatMap(([key, bit, inverted]) =>
    (change & bit) === 0 ? [] : [[key, ((flags & bit) !== 0) !== inverted] as const],
  );
  return {
    ...(index === 0 ? {} : { index }),
    ...Object.fromEntries(switches),
    ...readFields(readAttrs(payload, IFINFOMSG_LENGTH), FIELDS),
  };
}
