// Which kinds of link Loden understands, and IFLA_LINKINFO, which carries them. A kind that is not here keeps its raw
// data and goes back to the kernel as it came.
import type { BridgeKind } from "./bridge.ts";
import type { BridgePort } from "./bridge-port.ts";
import type { MacvlanKind } from "./macvlan.ts";
import type { TunKind } from "./tun.ts";
import type { VethKind } from "./veth.ts";
import type { VxlanKind } from "./vxlan.ts";

/** A kind Loden has no words for, with the bytes of IFLA_INFO_DATA where there were any. */
export interface OtherKind {
  readonly kind: "other";
  readonly name: string;
  readonly data?: Uint8Array;
}

export type LinkKind = VxlanKind | BridgeKind | VethKind | MacvlanKind | TunKind | OtherKind;

/** What a master says of the link that is its port (IFLA_INFO_SLAVE_KIND and _DATA). */
export type LinkPort = BridgePort | OtherKind;
