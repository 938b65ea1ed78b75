// Made from spec/schema/cni-types.json by daemon/build/validators.ts (npm run generate). Do not edit.

/** CNI 1.1.0, DNS type. */
export interface Dns {
  /** Addresses in order of preference. */
  readonly nameservers?: readonly string[];
  /** Local domain for short names. */
  readonly domain?: string;
  /** Domains to try for short names, in order. */
  readonly search?: readonly string[];
  /** Options for the resolver, as in resolv.conf(5). */
  readonly options?: readonly string[];
}

/** CNI 1.1.0, Route type. */
export interface CniRoute {
  /** Destination. */
  readonly dst: string;
  /** Next hop. Absent: the gateway of the first address of that family. */
  readonly gw?: string;
  /** Path MTU in bytes. */
  readonly mtu?: number;
  /** TCP maximal segment size to advertise, in bytes. */
  readonly advmss?: number;
  /** Metric; lower wins. */
  readonly priority?: number;
  /** Routing table. Absent: main. */
  readonly table?: number;
  /** Route scope: 0 universe, 253 link, 254 host. */
  readonly scope?: number;
}

/** One range of addresses of a host-local range set. */
export interface IpamRange {
  /** Network the range lies in, without host bits. */
  readonly subnet: string;
  /** First address to hand out. Default: the first host of subnet. */
  readonly rangeStart?: string;
  /** Last address to hand out. Default: the last host of subnet. */
  readonly rangeEnd?: string;
  /** Default: the first host of subnet. */
  readonly gateway?: string;
}

export interface PortMapping {
  readonly hostPort?: number;
  readonly containerPort?: number;
  /** tcp, udp or sctp, in any case. */
  readonly protocol?: string;
  /** Host address the mapping is bound to. Absent: all. */
  readonly hostIP?: string;
}

/** One attachment that is still in use, for GC. */
export interface CniAttachment {
  readonly containerID: string;
  readonly ifname: string;
}

/** An interface that the attachment made, on the host or in the sandbox. */
export interface CniInterface {
  readonly name?: string;
  /** Lower-case, with colons. */
  readonly mac?: string;
  /** Path of the network namespace. Absent: the host's. */
  readonly sandbox?: string;
}

/** Which IPAM plugin to call; the rest is that plugin's. */
export interface IpamReference {
  /** File name of the IPAM plugin's executable. */
  readonly type?: string;
}

export interface RuntimeMac {
  /** MAC of the container's interface; wins over CNI_ARGS and the configuration. */
  readonly mac?: string;
}
