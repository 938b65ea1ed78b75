// A bridge's ports: IFLA_BRPORT_* of linux/if_link.h, carried as a link's "slave data". The kernel takes them only for
// a device that is a port already: attach with `master` first, in a message of its own before this one.
import type { AttrWriter, Attrs } from "../attr.ts";
import { bool, name8, readFields, u16, u32, u8, writeFields } from "../fields.ts";
import type { Field } from "../fields.ts";
import { NameTable } from "../names.ts";

/** State in the spanning tree. */
export type BridgePortState = "disabled" | "listening" | "learning" | "forwarding" | "blocking";

/** Settings of a port. In a request absent means "leave as is"; a dump has all the kernel knows. */
export interface BridgePortOptions {
  readonly state?: BridgePortState | number;
  readonly priority?: number;
  readonly cost?: number;
  /** Send a frame back through the port it came from (IFLA_BRPORT_MODE). */
  readonly hairpin?: boolean;
  /** BPDU guard. */
  readonly guard?: boolean;
  readonly rootBlock?: boolean;
  readonly fastLeave?: boolean;
  readonly learning?: boolean;
  readonly unicastFlood?: boolean;
  readonly multicastFlood?: boolean;
  readonly broadcastFlood?: boolean;
  readonly multicastToUnicast?: boolean;
  readonly multicastRouter?: number;
  readonly proxyArp?: boolean;
  readonly proxyArpWifi?: boolean;
  readonly vlanTunnel?: boolean;
  readonly groupForwardMask?: number;
  readonly neighSuppress?: boolean;
  readonly neighVlanSuppress?: boolean;
  /** Isolated ports do not reach each other. */
  readonly isolated?: boolean;
  /** Index of the port that takes over when this one is down. */
  readonly backupPort?: number;
  readonly locked?: boolean;
  /** MAC authentication bypass, with `locked`. */
  readonly mab?: boolean;
}

/** A port of a bridge. */
export interface BridgePort extends BridgePortOptions {
  readonly kind: "bridge";
}

/** BR_STATE_* of linux/if_bridge.h. */
const STATES = new NameTable<BridgePortState>({ disabled: 0, listening: 1, learning: 2, forwarding: 3, blocking: 4 });

const FIELDS: readonly Field<BridgePortOptions>[] = [
  [1, "state", name8(STATES)],
  [2, "priority", u16],
  [3, "cost", u32],
  [4, "hairpin", bool],
  [5, "guard", bool],
  [6, "rootBlock", bool],
  [7, "fastLeave", bool],
  [8, "learning", bool],
  [9, "unicastFlood", bool],
  [10, "proxyArp", bool],
  [12, "proxyArpWifi", bool],
  [25, "multicastRouter", u8],
  [27, "multicastFlood", bool],
  [28, "multicastToUnicast", bool],
  [29, "vlanTunnel", bool],
  [30, "broadcastFlood", bool],
  [31, "groupForwardMask", u16],
  [32, "neighSuppress", bool],
  [33, "isolated", bool],
  [34, "backupPort", u32],
  [39, "locked", bool],
  [40, "mab", bool],
  [43, "neighVlanSuppress", bool],
];

/** Writes the content of IFLA_INFO_SLAVE_DATA of a bridge's port. */
export function writeBridgePort(writer: AttrWriter, options: BridgePortOptions): void {
  writeFields(writer, FIELDS, options);
}

/**
 * Reads the content of IFLA_INFO_SLAVE_DATA of a bridge's port.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readBridgePort(attrs: Attrs): BridgePort {
  return { kind: "bridge", ...readFields(attrs, FIELDS) };
}
