// A real etcd-server for a test.
import { freePort, ownLoopback, StoreServer } from "./store-server.ts";

export { ownLoopback };

export interface EtcdOptions {
  /** PEM files for clients: the server's certificate and key, and the CA that clients' certificates must be signed by. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  /** Further flags, e.g. `quota-backend-bytes`. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** Starts an etcd of one member. Rejects with what etcd said when it does not come up. */
export async function startEtcd({ tls, flags: given = {} }: EtcdOptions = {}): Promise<StoreServer> {
  const scheme = tls === undefined ? "http" : "https";
  const endpoint = `${scheme}://${ownLoopback()}:${await freePort()}`;
  const peer = `http://${ownLoopback()}:${await freePort()}`;
  return StoreServer.start((data) => {
    const flags: Record<string, string> = {
      name: "test",
      "data-dir": data,
      logger: "zap",
      "log-outputs": "stderr",
      "listen-client-urls": endpoint,
      "advertise-client-urls": endpoint,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": `test=${peer}`,
      // One member needs no patience with its leader; the shortest life of a lease follows from it.
      "heartbeat-interval": "20",
      "election-timeout": "200",
      ...(tls && { "cert-file": tls.certificate, "key-file": tls.key }),
      ...(tls?.clientCa !== undefined && { "client-cert-auth": "true", "trusted-ca-file": tls.clientCa }),
      ...given,
    };
    return {
      endpoint,
      command: "etcd",
      args: Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
      ready: /serving client traffic/,
    };
  });
}
