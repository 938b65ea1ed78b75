// Interface addresses: RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR and IFA_* of linux/if_addr.h.
import type { Address, Family } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { NetlinkSocket } from "./socket.ts";
import type { Message } from "./wire.ts";

/** IFA_F_* of linux/if_addr.h. */
export const ADDRESS_FLAG = {
  secondary: 0x01,
  /** Skip duplicate address detection: the address is usable at once. */
  noDad: 0x02,
  optimistic: 0x04,
  dadFailed: 0x08,
  homeAddress: 0x10,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  manageTempAddress: 0x100,
  /** Do not add the prefix route. */
  noPrefixRoute: 0x200,
  mcastAutojoin: 0x400,
  stablePrivacy: 0x800,
} as const;

/** Seconds left; Infinity for ever. */
export interface AddressLifetime {
  readonly preferred: number;
  readonly valid: number;
}

/** An address of a link, as asked for and as reported. */
export interface LinkAddress {
  /** Index of the link. */
  readonly link: number;
  /** The address with its prefix length, host bits kept. */
  readonly address: Prefix;
  /** The other end of a point-to-point link, where it differs from the address. */
  readonly peer?: Address;
  readonly broadcast?: Address;
  /** IPv4 only: a name that begins with the link's. */
  readonly label?: string;
  readonly scope?: RouteScope | number;
  /** ADDRESS_FLAG bits. */
  readonly flags?: number;
  readonly lifetime?: AddressLifetime;
  /** Metric of the prefix route. */
  readonly metric?: number;
  /** IFAPROT_*: who set it, for display only. */
  readonly protocol?: number;
}

export interface AddressFilter {
  readonly link?: number;
  readonly family?: Family;
}
