// Whose a rule is: a comment that begins with the network and the attachment as hashes of fixed length, so that DEL finds an
// attachment's rules and GC a network's. The form is that of the reference plugins' nftables masquerading.
import type { NetworkAttachment, Attachment } from "../attachments.ts";
import { sha512Hex } from "./sha512.ts";

/** Hexadecimal digits of each hash. */
const HASH_LENGTH = 16;
/** NFTNL_UDATA_COMMENT_MAXLEN of libnftnl. */
const COMMENT_LIMIT = 128;

/** What the comments of all rules of a network begin with. */
export function networkMark(network: string): string {
  return `${sha512Hex(network).slice(0, HASH_LENGTH)}-`;
}

/** What the comments of all rules of an attachment begin with. */
export function ownerMark({ network, containerId, ifname }: NetworkAttachment): string {
  return networkMark(network) + sha512Hex(`${ifname}:${containerId}`).slice(0, HASH_LENGTH);
}

export function ownerComment(owner: NetworkAttachment): string {
  const { network, containerId, ifname } = owner;
  return `${ownerMark(owner)}, net: ${network}, if: ${ifname}, id: ${containerId}`.slice(0, COMMENT_LIMIT);
}

/** Whether a comment is of this network and of none of the valid attachments. */
export function staleMarks(network: string, valid: readonly Attachment[]): (comment: string) => boolean {
  const mark = networkMark(network);
  const kept = new Set(valid.map(({ containerId, ifname }) => ownerMark({ network, containerId, ifname })));
  return (comment) => comment.startsWith(mark) && !kept.has(comment.slice(0, mark.length + HASH_LENGTH));
}
