// A bridge's ports: IFLA_BRPORT_* of linux/if_link.h, carried as a link's "slave data". The kernel takes them only for
// a device that is a port already: attach with `master` first, in a message of its own before this one.

export type BridgePortState = "disabled" | "listening" | "learning" | "forwarding" | "blocking";

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

export interface BridgePort extends BridgePortOptions {
  readonly kind: "bridge";
}
