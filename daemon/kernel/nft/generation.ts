// The generation of the ruleset: a number the kernel raises with every transaction of anybody's
// (include/uapi/linux/netfilter/nf_tables.h, NFT_MSG_GETGEN). One cheap question that tells whether anything changed, and
// whether there is nf_tables at all.
import { LodenError } from "#spec/errors";
import { readAttrs } from "../netlink/attr.ts";
import { NETLINK_NETFILTER } from "../netlink/constants.ts";
import { NetlinkError } from "../netlink/error.ts";
import { NetlinkSocket } from "../netlink/socket.ts";
import { Errno } from "../sys.ts";
import type { Sys } from "../sys.ts";

/** NFNL_SUBSYS_NFTABLES in the upper byte. */
const NFT_MSG_GETGEN = (10 << 8) | 16;
/** sizeof(struct nfgenmsg): u8 family, u8 version, be16 resource id. */
const NFGENMSG_SIZE = 4;
const NFTA_GEN_ID = 1;
const EPERM = 1;

/**
 * The generation of the ruleset in the calling thread's network namespace.
 * @throws LodenError ERR_PRIVILEGE without CAP_NET_ADMIN, ERR_NFT when the kernel has no nf_tables
 */
export function nftGeneration(sys: Sys): number {
  try {
    using socket = NetlinkSocket.open(sys, NETLINK_NETFILTER);
    const replies = socket.request({ type: NFT_MSG_GETGEN, flags: 0, payload: new Uint8Array(NFGENMSG_SIZE) });
    const generation = replies[0] && readAttrs(replies[0].payload, NFGENMSG_SIZE).u32be(NFTA_GEN_ID);
    if (generation === undefined) throw new LodenError("ERR_NFT", "nf_tables gives no generation of its ruleset");
    return generation;
  } catch (error) {
    if (!(error instanceof NetlinkError || error instanceof Errno)) throw error;
    if (error.errno === EPERM) {
      const text = "no permission to use nftables: run as root or with CAP_NET_ADMIN";
      throw new LodenError("ERR_PRIVILEGE", text, { cause: error });
    }
    const text = `this kernel has no nf_tables (${error.message}): load its module, or use a kernel that has it`;
    throw new LodenError("ERR_NFT", text, { cause: error });
  }
}
