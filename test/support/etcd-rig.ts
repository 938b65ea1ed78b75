// The store suite's rig for anything that speaks etcd's protocol: clients behind proxies of their own that can be cut,
// and an administrator that talks to the server directly.
import { systemClock, systemRandom } from "../../daemon/clock.ts";
import { EtcdClient } from "../../daemon/store/etcd/client.ts";
import { KV, Lease } from "../../daemon/store/etcd/generated/rpc_pb.js";
import type { EtcdLimits } from "../../daemon/store/etcd/options.ts";
import { EtcdSubnetStore } from "../../daemon/store/etcd/subnet-store.ts";
import type { RigClient, StoreAdmin, StoreRig } from "../compliance/store/rig.ts";
import { ownLoopback, type StoreServer } from "./store-server.ts";
import { TcpProxy } from "./tcp-proxy.ts";

export interface EtcdRigClient extends RigClient {
  readonly store: EtcdSubnetStore;
  readonly proxy: TcpProxy;
  /** The requests it has sent, by service and method. */
  readonly requests: string[];
}

/** Operations that one transaction takes (etcd's default). */
const MAX_OPERATIONS = 128;

export class EtcdRig implements StoreRig {
  readonly prefix: string;
  readonly admin: StoreAdmin;
  readonly server: StoreServer;
  readonly #client: EtcdClient;
  readonly #clients: EtcdRigClient[] = [];

  /** The server may be shared: each rig has a prefix of its own. */
  constructor(server: StoreServer, prefix: string) {
    this.server = server;
    this.prefix = prefix;
    this.#client = new EtcdClient({ endpoints: [server.endpoint], prefix, clock: systemClock, random: systemRandom });
    this.admin = this.#administrator();
  }

  async connect(limits: Partial<EtcdLimits> = {}): Promise<EtcdRigClient> {
    const proxy = await TcpProxy.start(ownLoopback(), new URL(this.server.endpoint));
    const requests: string[] = [];
    const store = new EtcdSubnetStore({
      endpoints: [`http://${proxy.authority}`],
      prefix: this.prefix,
      clock: systemClock,
      random: systemRandom,
      onRequest: (method) => requests.push(method),
      limits,
    });
    const client = { store, proxy, requests, cut: (off: boolean) => (off ? proxy.cut() : proxy.mend()) };
    this.#clients.push(client);
    return client;
  }

  /** Real time passes by itself; nothing that the suite waits for needs more than its own two seconds. */
  async pass(): Promise<void> {}

  restart(): Promise<void> {
    return this.server.restart();
  }

  backUp(): Promise<() => Promise<void>> {
    return this.server.backUp();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { store, proxy } of this.#clients) {
      await store.close();
      await proxy[Symbol.asyncDispose]();
    }
    await this.#revokeAll();
    this.#client.close();
  }

  #administrator(): StoreAdmin {
    const client = this.#client;
    const key = (path: string | Uint8Array): Buffer =>
      Buffer.concat([Buffer.from(`${this.prefix}/`), Buffer.from(path)]);
    const once = { repeatable: true };
    return {
      put: async (path, value) => {
        await client.unary(KV.method.put, { key: key(path), value: Buffer.from(value) }, once);
      },
      putAll: async (records) => {
        for (let from = 0; from < records.length; from += MAX_OPERATIONS) {
          const success = records.slice(from, from + MAX_OPERATIONS).map(([path, value]) => ({
            request: { case: "requestPut" as const, value: { key: key(path), value: Buffer.from(value) } },
          }));
          await client.unary(KV.method.txn, { success }, once);
        }
      },
      delete: async (path) => {
        await client.unary(KV.method.deleteRange, { key: key(path) }, once);
      },
      compact: async () => {
        const { header } = await client.unary(KV.method.range, { key: key("config") }, once);
        await client.unary(KV.method.compact, { revision: header.revision, physical: true }, once);
      },
      leases: async () => (await client.unary(Lease.method.leaseLeases, {}, once)).leases.length,
    };
  }

  async #revokeAll(): Promise<void> {
    const { leases } = await this.#client.unary(Lease.method.leaseLeases, {}, { repeatable: true });
    for (const { ID } of leases) await this.#client.unary(Lease.method.leaseRevoke, { ID }, { repeatable: true });
  }
}
