// Bridge devices: IFLA_BR_* of linux/if_link.h, read by net/bridge/br_netlink.c. Times are in the kernel's clock ticks
// of a hundredth of a second (USER_HZ), as `ip -j` shows them.

/** Settings of a bridge. In a request absent means "leave as is" or the default; a dump has all the kernel knows. */
export interface BridgeOptions {
  /** Ticks of 10 ms. */
  readonly forwardDelay?: number;
  /** Ticks of 10 ms. */
  readonly helloTime?: number;
  /** Ticks of 10 ms. */
  readonly maxAge?: number;
  /** Ticks of 10 ms after which a learnt address is forgotten. */
  readonly ageingTime?: number;
  /** 0 off, 1 the kernel's, 2 a daemon's spanning tree. */
  readonly stpState?: number;
  readonly priority?: number;
  readonly vlanFiltering?: boolean;
  /** EtherType, 0x8100 or 0x88a8. */
  readonly vlanProtocol?: number;
  readonly vlanDefaultPvid?: number;
  readonly vlanStats?: boolean;
  readonly vlanStatsPerPort?: boolean;
  readonly groupForwardMask?: number;
  readonly multicastRouter?: number;
  readonly multicastSnooping?: boolean;
  readonly multicastQuerier?: boolean;
  readonly multicastQueryUseIfaddr?: boolean;
  readonly multicastHashMax?: number;
  readonly multicastStats?: boolean;
  readonly multicastIgmpVersion?: number;
  readonly multicastMldVersion?: number;
  readonly nfCallIptables?: boolean;
  readonly nfCallIp6tables?: boolean;
  readonly nfCallArptables?: boolean;
  /** Switches the kernel groups as bits (enum br_boolopt_id): `mask` says which of `value` count. */
  readonly boolOptions?: { readonly value: number; readonly mask: number };
}

export interface BridgeKind extends BridgeOptions {
  readonly kind: "bridge";
}
