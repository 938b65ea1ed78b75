// TUN and TAP devices: IFLA_TUN_* of linux/if_link.h to read; they are made through /dev/net/tun, linux/if_tun.h.
import { LodenError } from "#spec/errors";
import type { Sys } from "../../sys.ts";
import type { AttrWriter, Attrs } from "../attr.ts";
import { bool, name8, readFields, u32, writeFields } from "../fields.ts";
import type { Field } from "../fields.ts";
import { NameTable } from "../names.ts";

/** IP packets or Ethernet frames. */
export type TunMode = "tun" | "tap";

/** What the kernel tells of a TUN or TAP device. */
export interface TunOptions {
  readonly mode?: TunMode | number;
  /** User id that may attach; absent: anyone with CAP_NET_ADMIN. */
  readonly owner?: number;
  readonly group?: number;
  /** Packets have the four bytes of struct tun_pi in front. */
  readonly packetInfo?: boolean;
  /** Packets have a virtio_net_hdr in front. */
  readonly vnetHdr?: boolean;
  readonly persist?: boolean;
  readonly multiQueue?: boolean;
  readonly queues?: number;
  readonly disabledQueues?: number;
}

/** A link of kind "tun". */
export interface TunKind extends TunOptions {
  readonly kind: "tun";
}

/** IFF_TUN and IFF_TAP of linux/if_tun.h. */
const MODES = new NameTable<TunMode>({ tun: 1, tap: 2 });

const FIELDS: readonly Field<TunOptions>[] = [
  [1, "owner", u32],
  [2, "group", u32],
  [3, "mode", name8(MODES)],
  [4, "packetInfo", bool],
  [5, "vnetHdr", bool],
  [6, "persist", bool],
  [7, "multiQueue", bool],
  [8, "queues", u32],
  [9, "disabledQueues", u32],
];

/** Writes the content of IFLA_INFO_DATA of a TUN or TAP device. */
export function writeTun(writer: AttrWriter, options: TunOptions): void {
  writeFields(writer, FIELDS, options);
}

/**
 * Reads the content of IFLA_INFO_DATA of a TUN or TAP device.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readTun(attrs: Attrs): TunKind {
  return { kind: "tun", ...readFields(attrs, FIELDS) };
}

/** _IOW('T', 202…206, int): the argument of the first is a struct ifreq, of the others a plain number. */
const TUNSETIFF = 0x4004_54ca;
const TUNSETPERSIST = 0x4004_54cb;
const TUNSETOWNER = 0x4004_54cc;
const TUNSETGROUP = 0x4004_54ce;

/** struct ifreq: 16 bytes of name, a union of 24. */
const IFREQ_LENGTH = 40;
const IFNAMSIZ = 16;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_TUN_EXCL = 0x8000;

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;

/** A device to make, or to attach to when it is there. */
export interface TunRequest {
  /** Up to 15 bytes; the kernel numbers a name that ends in `%d`. */
  readonly name: string;
  readonly mode: TunMode;
  /** The device outlives the descriptor. */
  readonly persist?: boolean;
  readonly owner?: number;
  readonly group?: number;
  /** Default false, as nearly everybody wants: no struct tun_pi in front of packets. */
  readonly packetInfo?: boolean;
  readonly vnetHdr?: boolean;
  readonly multiQueue?: boolean;
  /** Make it, or fail with EBUSY when it is there. */
  readonly exclusive?: boolean;
}

/** An attached device: packets are read from and written to `fd`, which the caller closes. */
export interface TunHandle {
  readonly fd: number;
  /** The name the kernel settled on. */
  readonly name: string;
}

/**
 * Opens a TUN or TAP device in the calling thread's namespace. The descriptor does not block.
 * @throws Errno of open /dev/net/tun (ENOENT: the kernel module `tun` is missing) or of the ioctl (EBUSY: in use)
 */
export function tunOpen(sys: Sys, request: TunRequest): TunHandle {
  const { name, mode, persist, owner, group } = request;
  const ifreq = new Uint8Array(IFREQ_LENGTH);
  const { read } = new TextEncoder().encodeInto(name, ifreq.subarray(0, IFNAMSIZ - 1));
  if (read < name.length || name.includes("\0")) {
    throw new LodenError("ERR_INTERFACE", `${JSON.stringify(name)} is no interface name: 15 bytes at most, no NUL`, {
      fields: { name },
    });
  }
  const flags =
    MODES.number(mode) |
    (request.packetInfo === true ? 0 : IFF_NO_PI) |
    (request.vnetHdr === true ? IFF_VNET_HDR : 0) |
    (request.multiQueue === true ? IFF_MULTI_QUEUE : 0) |
    (request.exclusive === true ? IFF_TUN_EXCL : 0);
  new DataView(ifreq.buffer).setUint16(IFNAMSIZ, flags, true);

  const fd = sys.open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  try {
    sys.ioctl(fd, TUNSETIFF, ifreq);
    if (owner !== undefined) sys.ioctl(fd, TUNSETOWNER, owner);
    if (group !== undefined) sys.ioctl(fd, TUNSETGROUP, group);
    if (persist !== undefined) sys.ioctl(fd, TUNSETPERSIST, persist ? 1 : 0);
  } catch (error) {
    sys.close(fd);
    throw error;
  }
  return { fd, name: new TextDecoder().decode(ifreq.subarray(0, ifreq.indexOf(0, 0))) };
}
