// etcd's endpoints from DNS, as etcd's own clients find them: SRV records (RFC 2782) at `_etcd-client-ssl._tcp.DOMAIN` for
// https and `_etcd-client._tcp.DOMAIN` for http, with `-NAME` after the service where several clusters share a domain.
// Source: etcd's "Clustering Guide", DNS discovery. What DNS says is not signed: who asks for TLS is never led to http.
import { Resolver } from "node:dns/promises";
import { errorText } from "#spec/errors";
import type { Random } from "../../clock.ts";
import { EtcdError } from "./errors.ts";

export interface SrvRecord {
  /** Host name, "" for "no such service here". */
  readonly name: string;
  readonly port: number;
  /** Lower comes first. */
  readonly priority: number;
  /** Among equals, how often one comes before the others. */
  readonly weight: number;
}

/** Resolves to the records of a name; rejects with DNS's code in `code`. */
export type ResolveSrv = (name: string) => Promise<readonly SrvRecord[]>;

export interface DiscoveryOptions {
  readonly domain: string;
  /** Ends the service's name. */
  readonly serviceName?: string | undefined;
  /** Only https endpoints will do. */
  readonly tlsOnly: boolean;
  readonly random: Random;
  readonly resolve?: ResolveSrv | undefined;
}

export interface Discovery {
  /** The records looked up, for messages. */
  readonly name: string;
  /** The endpoints as of now, at least one, in the order to try them. Rejects with ERR_STORE_UNAVAILABLE. */
  find(): Promise<readonly string[]>;
}

/** DNS's ways to say that there are none. */
const NO_RECORDS: ReadonlySet<unknown> = new Set(["ENOTFOUND", "ENODATA"]);

/** For a server's answer, in milliseconds; twice that at the second and last try, so that all is over within a dial. */
const DNS_TIMEOUT = 700;

const HOST = /^[\w-]+(?:\.[\w-]+)*$/;

export function srvDiscovery(options: DiscoveryOptions): Discovery {
  const { domain, serviceName, tlsOnly, random, resolve = resolveByDns } = options;
  const suffix = serviceName === undefined ? "" : `-${serviceName}`;
  const services = [
    { scheme: "https", record: `_etcd-client-ssl${suffix}._tcp.${domain}` },
    ...(tlsOnly ? [] : [{ scheme: "http", record: `_etcd-client${suffix}._tcp.${domain}` }]),
  ];
  const name = services.map(({ record }) => record).join(" and ");
  return {
    name,
    find: async () => {
      for (const { scheme, record } of services) {
        const records = await lookUp(record, resolve);
        const endpoints = inOrder(records, random).flatMap((found) => endpointOf(scheme, found));
        if (endpoints.length > 0) return endpoints;
      }
      const why = tlsOnly ? " (only TLS records count beside --etcd-cafile and --etcd-certfile)" : "";
      throw new EtcdError(
        "ERR_STORE_UNAVAILABLE",
        `no etcd endpoint is known: DNS has no usable SRV record ${name}${why}; make one, or check --etcd-discovery-srv`,
        { fields: { record: name }, unsent: true },
      );
    },
  };
}

async function lookUp(record: string, resolve: ResolveSrv): Promise<readonly SrvRecord[]> {
  try {
    return await resolve(record);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && NO_RECORDS.has(cause.code)) return [];
    throw new EtcdError(
      "ERR_STORE_UNAVAILABLE",
      `no etcd endpoint is known: the SRV record ${record} cannot be looked up: ${errorText(cause)}; check that DNS answers`,
      { cause, fields: { record }, unsent: true },
    );
  }
}

/** By priority, and in each by chance according to weight, as RFC 2782 has it. */
function inOrder(records: readonly SrvRecord[], random: Random): SrvRecord[] {
  const left = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: SrvRecord[] = [];
  while (left.length > 0) {
    const equals = left.filter(({ priority }) => priority === left[0]?.priority);
    // Weight 0 has a small chance too.
    let mark = random.next() * equals.reduce((sum, { weight }) => sum + weight + 0.01, 0);
    const next = equals.find(({ weight }) => (mark -= weight + 0.01) < 0) ?? equals[0];
    if (next === undefined) break;
    ordered.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return ordered;
}

function endpointOf(scheme: string, { name, port }: SrvRecord): string[] {
  const host = name.replace(/\.$/, "");
  return HOST.test(host) && port > 0 ? [`${scheme}://${host}:${port}`] : [];
}

/** A resolver of its own each time: the system's list of name servers may have changed. */
function resolveByDns(name: string): Promise<SrvRecord[]> {
  return new Resolver({ timeout: DNS_TIMEOUT, tries: 2 }).resolveSrv(name);
}
