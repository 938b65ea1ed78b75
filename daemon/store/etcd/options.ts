// What the etcd client is told. How flags and environment become this is the daemon's business (daemon/options.ts).
import type { Transport } from "@connectrpc/connect";
import type { Clock, Random } from "../../clock.ts";
import type { Discovery } from "./discovery.ts";

export interface EtcdTls {
  /** PEM text of the authorities to trust; the system's when absent. */
  readonly ca?: string | undefined;
  /** PEM text of our certificate (with its chain) and key, for servers that ask for one. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the server's certificate must bear, where it is not the endpoint's host. */
  readonly serverName?: string | undefined;
}

export interface EtcdOptions {
  /** `http://host:port` or `https://host:port`; `host:port` alone means http. */
  readonly endpoints: readonly string[];
  /** Tells the endpoints in place of `endpoints`. */
  readonly discovery?: Discovery | undefined;
  /** Where the network lives, e.g. `/coreos.com/network`; joined with the key names as paths are. */
  readonly prefix: string;
  /** For https endpoints; http endpoints ignore it. */
  readonly tls?: EtcdTls | undefined;
  readonly credentials?: { readonly user: string; readonly password: string } | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of each request when it is sent, by service and method ("KV/Range"), for metrics and tests. */
  readonly onRequest?: ((method: string) => void) | undefined;
  readonly limits?: Partial<EtcdLimits> | undefined;
  /**
   * Connects to an endpoint; rejects when it cannot. gRPC over HTTP/2 when absent. Called before every request, so it
   * keeps a connection that is good.
   */
  readonly connect?: ((endpoint: string) => Promise<Transport>) | undefined;
}

/** Times in milliseconds. The defaults suit a network; tests use shorter ones. */
export interface EtcdLimits {
  /** For a connection to be made, name look-up and TLS included. */
  readonly dial: number;
  /** For one request to be answered by one endpoint. */
  readonly request: number;
  /** Between HTTP/2 PINGs while a request or stream is open. Servers refuse less than 5 s. */
  readonly pingInterval: number;
  readonly pingTimeout: number;
  /** Without a word on a watch: ask for progress after the first, give the connection up after the second. */
  readonly watchProgress: number;
  readonly watchSilence: number;
  /** Records per Range; more are read in pages at one revision. */
  readonly page: number;
  /** Bytes in one answer, and in the joined fragments of one. */
  readonly message: number;
}

export const DEFAULT_LIMITS: EtcdLimits = {
  dial: 3_000,
  // etcd itself gives up on a proposal after 5 s plus two elections.
  request: 8_000,
  pingInterval: 10_000,
  pingTimeout: 5_000,
  watchProgress: 5_000,
  watchSilence: 15_000,
  // A lease is some 200 bytes, so this is about a megabyte.
  page: 5_000,
  message: 32 * 1024 * 1024,
};
