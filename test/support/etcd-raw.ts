// etcd's API as it is on the wire, without any of our client's care: for tests that look at single answers.
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Auth, Cluster, KV, Lease, Maintenance, Watch } from "../../daemon/store/etcd/generated/rpc_pb.js";

export interface RawEtcd {
  readonly kv: Client<typeof KV>;
  readonly watch: Client<typeof Watch>;
  readonly lease: Client<typeof Lease>;
  readonly cluster: Client<typeof Cluster>;
  readonly maintenance: Client<typeof Maintenance>;
  readonly auth: Client<typeof Auth>;
  /** Breaks the connection off. */
  close(): void;
}

/** One connection to `http://host:port`, or with TLS options to `https://host:port`. */
export function rawEtcd(
  baseUrl: string,
  nodeOptions: { readonly ca?: Buffer; readonly cert?: string; readonly key?: string } = {},
): RawEtcd {
  const sessionManager = new Http2SessionManager(baseUrl, {}, nodeOptions);
  const transport = createGrpcTransport({ baseUrl, sessionManager });
  return {
    kv: createClient(KV, transport),
    watch: createClient(Watch, transport),
    lease: createClient(Lease, transport),
    cluster: createClient(Cluster, transport),
    maintenance: createClient(Maintenance, transport),
    auth: createClient(Auth, transport),
    close: () => sessionManager.abort(),
  };
}
