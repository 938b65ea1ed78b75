// TUN and TAP devices: IFLA_TUN_* of linux/if_link.h to read; they are made through /dev/net/tun, linux/if_tun.h.

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

export interface TunKind extends TunOptions {
  readonly kind: "tun";
}
