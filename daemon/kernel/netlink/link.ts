// Network links: RTM_NEWLINK, RTM_DELLINK and RTM_GETLINK of linux/rtnetlink.h, attributes IFLA_* of linux/if_link.h.
// Builders are pure and give one message each, for NetlinkSocket.batch; dump and get talk to the kernel.
import type { Mac } from "../ip/mac.ts";
import type { LinkKind, LinkPort } from "./kind/registry.ts";
import type { LinkAttributes } from "./link-attributes.ts";
import type { NetlinkSocket } from "./socket.ts";
import type { Message } from "./wire.ts";

/** RFC 2863 ifOperStatus as linux/if.h numbers it. */
export type OperState = "unknown" | "notpresent" | "down" | "lowerlayerdown" | "testing" | "dormant" | "up";

/** A link as the kernel reports it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_*, e.g. 1 for Ethernet. */
  readonly type: number;
  /** LINK_FLAG bits. */
  readonly flags: number;
  readonly up: boolean;
  readonly mtu: number;
  readonly minMtu?: number;
  readonly maxMtu?: number;
  /** Absent for links whose hardware address is not an Ethernet one. */
  readonly mac?: Mac;
  readonly broadcast?: Mac;
  readonly permanentMac?: Mac;
  /** Index of the bridge or other device this one is a port of. */
  readonly master?: number;
  /** Index of the device below, or of a veth's peer; in namespace `parentNetnsId` when that is given. */
  readonly parent?: number;
  readonly parentNetnsId?: number;
  readonly alias?: string;
  readonly altNames?: readonly string[];
  readonly operState: OperState | number;
  readonly carrier?: boolean;
  readonly group?: number;
  readonly queueDiscipline?: string;
  readonly txQueueLength?: number;
  readonly txQueues?: number;
  readonly rxQueues?: number;
  /** How many want the device promiscuous. */
  readonly promiscuity?: number;
  readonly gsoMaxSize?: number;
  readonly gsoMaxSegments?: number;
  readonly groMaxSize?: number;
  readonly kind?: LinkKind;
  readonly port?: LinkPort;
}

/** A link to make. Bridge port options are not taken here by the kernel: send linkSet after it, in the same batch. */
export interface LinkSpec extends LinkAttributes {
  readonly name: string;
  readonly kind: LinkKind;
  /** Index of the bridge to be a port of. */
  readonly master?: number;
  /** Index of the underlay (macvlan; a vxlan has it among its own options). */
  readonly parent?: number;
  /** When `parent` is in another namespace: the id of that namespace in ours. */
  readonly parentNetnsId?: number;
}

/** A change to a link that exists. `master: 0` takes it out of its bridge. */
export interface LinkChange extends LinkAttributes {
  readonly master?: number;
  readonly kind?: LinkKind;
  readonly port?: LinkPort;
}

/** Which link a request is about: its index, or its name where the index is not known yet. */
export type LinkRef = number | { readonly name: string };

export interface LinkFilter {
  readonly master?: number;
  /** The kernel's name for the kind, e.g. "vxlan". */
  readonly kind?: string;
}
