// veth pairs: VETH_INFO_PEER of linux/veth.h, whose value is a whole ifinfomsg with attributes of its own.
import type { LinkAttributes } from "../link-attributes.ts";

/** The other end, created by the same message. It must not be created up: the kernel answers ENOTCONN. */
export type VethPeer = Omit<LinkAttributes, "up">;

export interface VethKind {
  readonly kind: "veth";
  /** In a request only: the kernel does not report it. A link's `parent` and `parentNetnsId` tell where the peer is. */
  readonly peer?: VethPeer;
}
