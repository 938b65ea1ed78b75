// Made from spec/schema/cni-bridge.json by daemon/build/validators.ts (npm run generate). Do not edit.
import type { NetConf } from "./cni-net-conf.js";
import type { Generated } from "../validate.ts";

export declare const contract: Generated;

/** One VLAN by id, or several from minID to maxID. */
export interface VlanTrunk {
  readonly id?: number;
  readonly minID?: number;
  readonly maxID?: number;
}

/** Which IPAM plugin to call; the rest is that plugin's. */
export interface IpamReference {
  /** File name of the IPAM plugin's executable. */
  readonly type?: string;
}

export interface BridgeCniArgs {
  /** MAC of the container's interface; wins over CNI_ARGS. */
  readonly mac?: string;
}

export interface BridgeArgs {
  readonly cni?: BridgeCniArgs;
}

export interface BridgeRuntimeConfig {
  /** MAC of the container's interface; wins over args. */
  readonly mac?: string;
}

/** Standard input of the bridge plugin. */
export interface BridgeConf extends NetConf {
  /** Name of the bridge. Default cni0. */
  readonly bridge?: string;
  /** Give the bridge the gateway's address. Default false. */
  readonly isGateway?: boolean;
  /** Make the bridge the container's default route; implies isGateway. Default false. */
  readonly isDefaultGateway?: boolean;
  /** Replace a different IPv4 address that the bridge has. Default false. */
  readonly forceAddress?: boolean;
  /** Masquerade traffic that leaves the network. Default false. */
  readonly ipMasq?: boolean;
  /** What masquerades; absent, the plugin chooses. */
  readonly ipMasqBackend?: "iptables" | "nftables";
  /** MTU of the veth pair and the bridge in bytes. Default, and what 0 means: the kernel's. */
  readonly mtu?: number;
  /** Let a container reach itself through the bridge. Default false. */
  readonly hairpinMode?: boolean;
  /** Make the bridge promiscuous; excludes hairpinMode. Default false. */
  readonly promiscMode?: boolean;
  /** VLAN of the port, untagged. Default, and what 0 means: none. */
  readonly vlan?: number;
  /** VLANs that the port carries tagged. */
  readonly vlanTrunk?: readonly VlanTrunk[];
  /** Keep VLAN 1 on the port. Default false. */
  readonly preserveDefaultVlan?: boolean;
  /** Drop frames from the container with another source MAC. Default false. */
  readonly macspoofchk?: boolean;
  /** Detect duplicate IPv6 addresses. Default false. */
  readonly enabledad?: boolean;
  /** Leave the container's interface down; excludes ipam. Default false. */
  readonly disableContainerInterface?: boolean;
  /** Keep isolated ports from talking to each other. Default false. */
  readonly portIsolation?: boolean;
  readonly ipam?: IpamReference;
  readonly args?: BridgeArgs;
  readonly runtimeConfig?: BridgeRuntimeConfig;
}
