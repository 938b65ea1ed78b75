// What the kernel says when it refuses a request: NLMSG_ERROR and its extended acknowledgement
// (include/uapi/linux/netlink.h; Documentation/userspace-api/netlink/intro.rst "Ext ACK").
import { LodenError } from "#spec/errors";
import { errnoSymbol, errnoText } from "../sys.ts";
import { readAttrs } from "./attr.ts";
import {
  NLMSGERR_ATTR_MISS_TYPE,
  NLMSGERR_ATTR_MSG,
  NLMSGERR_ATTR_OFFS,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
} from "./constants.ts";
import { NLMSG_HDRLEN, align, decodeError } from "./wire.ts";
import type { Message } from "./wire.ts";

/** What an extended acknowledgement adds to an errno. */
export interface ExtendedAck {
  /** The kernel's own words. */
  readonly text?: string;
  /** Where in the request, header included, the attribute stands that it objects to. */
  readonly offset?: number;
  /** The type of the attribute it misses. */
  readonly missing?: number;
}

/** The kernel refused a netlink request, or gave no usable answer to it. */
export class NetlinkError extends LodenError {
  readonly errno: number;
  /** `EEXIST` and so on. */
  readonly symbol: string;
  /** Byte of the request, header included, at which the attribute stands that the kernel objects to. */
  readonly offset?: number;
  /** The kernel's own words, part of `message` too. */
  readonly text?: string;

  constructor(errno: number, ack: ExtendedAck = {}) {
    const notes = [
      ...(ack.text === undefined ? [] : [ack.text]),
      ...(ack.missing === undefined ? [] : [`attribute ${ack.missing} is missing`]),
      ...(ack.offset === undefined ? [] : [`attribute at byte ${ack.offset} of the request`]),
    ];
    super("ERR_NETLINK", notes.length === 0 ? errnoText(errno) : `${errnoText(errno)}: ${notes.join("; ")}`, {
      fields: {
        errno,
        symbol: errnoSymbol(errno),
        ...(ack.offset === undefined ? {} : { offset: ack.offset }),
      },
    });
    this.errno = errno;
    this.symbol = errnoSymbol(errno);
    if (ack.offset !== undefined) this.offset = ack.offset;
    if (ack.text !== undefined) this.text = ack.text;
  }
}

/** sizeof(struct nlmsgerr): i32 error, then the header of the request. */
const NLMSGERR_SIZE = 4 + NLMSG_HDRLEN;

/**
 * The outcome in an NLMSG_ERROR message, undefined for success and for an errno that is to count as one.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeAck(message: Message, tolerated = 0): NetlinkError | undefined {
  const { payload } = message;
  if (payload.length < NLMSGERR_SIZE) throw decodeError(`an acknowledgement of ${payload.length} bytes`);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const errno = -view.getInt32(0, true);
  if (errno === 0 || errno === tolerated) return undefined;
  // Behind the header comes the request's payload unless capped, then the attributes. The length is the sender's word.
  const echoed = (message.flags & NLM_F_CAPPED) !== 0 ? 0 : Math.max(0, view.getUint32(4, true) - NLMSG_HDRLEN);
  const end = align(NLMSGERR_SIZE + Math.min(echoed, payload.length));
  const attrs = (message.flags & NLM_F_ACK_TLVS) === 0 ? payload.length : end;
  return new NetlinkError(errno, decodeExtendedAck(payload, Math.min(attrs, payload.length)));
}

/**
 * The error in an NLMSG_DONE message, which ends a dump, undefined for success.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodeDone(message: Message): NetlinkError | undefined {
  const { payload } = message;
  // Kernels before 5.x and some families send no errno at all.
  if (payload.length < 4) return undefined;
  const errno = -new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getInt32(0, true);
  if (errno <= 0) return undefined;
  return new NetlinkError(errno, (message.flags & NLM_F_ACK_TLVS) === 0 ? {} : decodeExtendedAck(payload, 4));
}

function decodeExtendedAck(payload: Uint8Array, offset: number): ExtendedAck {
  const attrs = readAttrs(payload, offset);
  const text = attrs.string(NLMSGERR_ATTR_MSG);
  const at = attrs.u32(NLMSGERR_ATTR_OFFS);
  const missing = attrs.u32(NLMSGERR_ATTR_MISS_TYPE);
  return {
    ...(text === undefined ? {} : { text }),
    ...(at === undefined ? {} : { offset: at }),
    ...(missing === undefined ? {} : { missing }),
  };
}
