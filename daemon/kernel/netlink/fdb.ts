// Forwarding databases of bridges and VXLAN devices: the neighbour messages of linux/neighbour.h in the family
// AF_BRIDGE (`bridge fdb`), handled by net/core/rtnetlink.c, net/bridge/br_fdb.c and drivers/net/vxlan.
import type { Address } from "../ip/address.ts";
import type { Mac } from "../ip/mac.ts";
import type { NeighbourCache, NeighbourState } from "./neigh.ts";
import type { NetlinkSocket } from "./socket.ts";
import type { Message } from "./wire.ts";

/** A forwarding entry: frames for `mac` leave through `link`, over VXLAN to `remote`. */
export interface FdbEntry {
  /** Index of the device: a bridge port, or a VXLAN device. */
  readonly link: number;
  readonly mac: Mac;
  /** Absent in a request: permanent for a bridge port's own table as `bridge fdb` has it. */
  readonly state?: NeighbourState | number;
  /** NEIGHBOUR_FLAG bits: `self` is the device's own table, `master` the bridge's it is a port of. Absent: self. */
  readonly flags?: number;
  /** VTEP the frames are sent to. */
  readonly remote?: Address;
  /** UDP port of that VTEP when it is not the device's. */
  readonly port?: number;
  /** VNI to send with when it is not the device's. */
  readonly vni?: number;
  /** VNI the entry is looked up in, for devices that collect metadata. */
  readonly sourceVni?: number;
  /** Index of the device the packets leave through. */
  readonly via?: number;
  readonly vlan?: number;
  /** Index of the bridge; reported only. */
  readonly master?: number;
  readonly nextHopId?: number;
  readonly protocol?: number;
  readonly cache?: NeighbourCache;
}

export interface FdbFilter {
  /** Index of the device or port. */
  readonly link?: number;
  /** Index of a bridge: the entries of its ports. */
  readonly bridge?: number;
}

/** create fails when the entry is there; append adds one more remote to a VXLAN entry. */
export type FdbMode = "create" | "replace" | "append";
