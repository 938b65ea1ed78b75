// veth pairs: VETH_INFO_PEER of linux/veth.h, whose value is a whole ifinfomsg with attributes of its own.
import type { AttrWriter, Attrs } from "../attr.ts";
import { linkHeader, readLinkAttributes, writeLinkAttributes } from "../link-attributes.ts";
import type { LinkAttributes } from "../link-attributes.ts";

/** The other end, created by the same message. It must not be created up: the kernel answers ENOTCONN. */
export type VethPeer = Omit<LinkAttributes, "up">;

/** A link of kind "veth". */
export interface VethKind {
  readonly kind: "veth";
  /** In a request only: the kernel does not report it. A link's `parent` and `parentNetnsId` tell where the peer is. */
  readonly peer?: VethPeer;
}

const VETH_INFO_PEER = 1;

/** Writes the content of IFLA_INFO_DATA of a veth. */
export function writeVeth(writer: AttrWriter, { peer }: VethKind): void {
  if (peer === undefined) return;
  writer.nestPlain(VETH_INFO_PEER, (inner) => {
    inner.raw(linkHeader(peer));
    writeLinkAttributes(inner, peer);
  });
}

/**
 * Reads the content of IFLA_INFO_DATA of a veth.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readVeth(attrs: Attrs): VethKind {
  const peer = attrs.get(VETH_INFO_PEER);
  return peer === undefined ? { kind: "veth" } : { kind: "veth", peer: readLinkAttributes(peer) };
}
