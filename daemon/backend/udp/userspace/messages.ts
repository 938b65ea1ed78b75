// What the daemon tells the worker, and the other way. Descriptors are the process's, opened on the daemon's thread, which is the
// one that is in the right network namespace.
import type { CountersMemory } from "./counters.ts";
import type { RawPrefix } from "./subnets.ts";

/** What the worker may make use of; all but `batch` are asked of the kernel, which may have none of it. */
export interface Offloads {
  /** Many datagrams a system call: recvmmsg, sendmmsg. */
  readonly batch: boolean;
  /** The kernel cuts trains of datagrams that are sent: UDP_SEGMENT. */
  readonly segment: boolean;
  /** The kernel joins datagrams that come: UDP_GRO. */
  readonly receive: boolean;
  /** The device gives and takes TCP in trains: IFF_VNET_HDR, TUNSETOFFLOAD. */
  readonly device: boolean;
}

/** Of one family: the socket for datagrams, and one that is only asked for the path MTU. */
export interface SocketPair {
  readonly data: number;
  readonly ask: number;
}

export interface Opened {
  readonly type: "open";
  readonly device: number;
  readonly sockets: { readonly 4?: SocketPair; readonly 6?: SocketPair };
  /** Of the device: longer packets are trains that were not cut on their way. */
  readonly mtu: number;
  readonly own: { readonly 4?: RawPrefix; readonly 6?: RawPrefix };
}

export interface RawPeer {
  readonly family: 4 | 6;
  readonly subnet: RawPrefix;
  readonly endpoint: Uint8Array;
  readonly slot: number;
  /** Datagrams are sent to it one by one. */
  readonly isSingle: boolean;
  /** sockaddr_in or sockaddr_in6. */
  readonly name: Uint8Array;
}

export interface PeersChanged {
  readonly type: "peers";
  readonly removed: readonly RawPeer[];
  readonly added: readonly RawPeer[];
  /** Addresses that are no peer's any more. */
  readonly gone: readonly { readonly family: 4 | 6; readonly endpoint: Uint8Array }[];
}

export type ToWorker = Opened | PeersChanged | { readonly type: "stop" };

export type FromWorker =
  /** It uses these descriptors and no others. */
  | { readonly type: "using"; readonly descriptors: readonly number[] }
  /** The device is gone. */
  | { readonly type: "device-lost" };

export interface WorkerData {
  readonly counters: CountersMemory;
  /** Becomes readable when a message waits. */
  readonly bell: number;
  readonly offloads: Offloads;
}
