// A network of many nodes that are leases in an etcd and nothing else.
import { systemClock, systemRandom } from "../../daemon/clock.ts";
import { EtcdClient } from "../../daemon/store/etcd/client.ts";
import { KV } from "../../daemon/store/etcd/generated/rpc_pb.js";
import { startEtcd } from "../support/etcd.ts";
import type { StoreServer } from "../support/store-server.ts";

export const PREFIX = "/coreos.com/network";

/** Operations that one transaction takes (etcd's default). */
const MAX_OPERATIONS = 128;

export interface FleetPeer {
  readonly subnet: string;
  /** The subnet's first address, which is the VTEP's. */
  readonly gateway: string;
  readonly mac: string;
  readonly address: string;
}

/** Peer n of a network 10.0.0.0/8, in its upper three quarters. */
export function fleetPeer(n: number): FleetPeer {
  const [high, low] = [64 + (n >> 8), n & 255];
  const hex = [high, low].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
  return {
    subnet: `10.${high}.${low}.0/24`,
    gateway: `10.${high}.${low}.0`,
    mac: `0a:00:00:00:${hex}`,
    address: `172.${16 + (n >> 12)}.${(n >> 4) & 255}.${1 + (n & 15)}`,
  };
}

export class Fleet implements AsyncDisposable {
  readonly server: StoreServer;
  readonly #client: EtcdClient;

  private constructor(server: StoreServer) {
    this.server = server;
    const endpoints = [server.endpoint];
    this.#client = new EtcdClient({ endpoints, prefix: PREFIX, clock: systemClock, random: systemRandom });
  }

  static async start(): Promise<Fleet> {
    // Own subnets are taken from the lower quarter, beside the peers'.
    const fleet = new Fleet(await startEtcd());
    const config = { Network: "10.0.0.0/8", SubnetLen: 24, SubnetMax: "10.63.255.0", Backend: { Type: "vxlan" } };
    await fleet.#put([["config", JSON.stringify(config)]]);
    return fleet;
  }

  /** Writes peers from..to-1. */
  async add(from: number, to: number): Promise<void> {
    const all = Array.from({ length: to - from }, (_, index) => recordOf(from + index));
    for (let at = 0; at < all.length; at += MAX_OPERATIONS) await this.#put(all.slice(at, at + MAX_OPERATIONS));
  }

  async remove(n: number): Promise<void> {
    await this.#client.unary(KV.method.deleteRange, { key: keyOf(recordOf(n)[0]) }, { repeatable: true });
  }

  /** Everything but the configuration goes. */
  async clear(): Promise<void> {
    const [key, rangeEnd] = ["subnets/", "subnets0"].map(keyOf) as [Uint8Array, Uint8Array];
    await this.#client.unary(KV.method.deleteRange, { key, rangeEnd }, { repeatable: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.server[Symbol.asyncDispose]();
  }

  async #put(records: readonly (readonly [string, string])[]): Promise<void> {
    const success = records.map(([path, value]) => ({
      request: { case: "requestPut" as const, value: { key: keyOf(path), value: Buffer.from(value) } },
    }));
    await this.#client.unary(KV.method.txn, { success }, { repeatable: true });
  }
}

function keyOf(path: string): Uint8Array {
  return Buffer.from(`${PREFIX}/${path}`);
}

function recordOf(n: number): readonly [string, string] {
  const { subnet, mac, address } = fleetPeer(n);
  const data = { VNI: 1, VtepMAC: mac };
  const value = { PublicIP: address, PublicIPv6: null, BackendType: "vxlan", BackendData: data };
  return [`subnets/${subnet.replace("/", "-")}`, JSON.stringify(value)];
}
