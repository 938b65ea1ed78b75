// What flanneld makes of the records in etcd, written from the facts in spec/kv.md and from nothing of Loden: the pattern
// that it finds keys by, Go's rules for JSON, and the lease that it takes when it starts.

export interface FlannelLease {
  readonly key: string;
  readonly subnet: string;
  readonly publicIp: string;
  readonly backendType: string;
  readonly backendData: unknown;
}

/** pkg/subnet: the end of a key; the first length has five bits. */
const KEY = /(\d+\.\d+.\d+.\d+)-(\d+)(?:&([a-f\d:]+)-(\d+))?$/;
const IPV4 = /^(?:\d{1,3}\.){3}\d{1,3}$/;

/** The lease as flanneld reads it; throws what it would refuse. */
export function readAsFlannel(key: string, value: string): FlannelLease {
  const match = KEY.exec(key);
  const [, address = "", length = ""] = match ?? [];
  if (match === null || Number(length) > 31) throw new Error(`flanneld overlooks the key ${key}`);
  const document = JSON.parse(value) as Record<string, unknown>;
  const field = (name: string): unknown =>
    Object.entries(document).findLast(([written]) => written.toLowerCase() === name.toLowerCase())?.[1];
  const publicIp = field("PublicIP") ?? "0.0.0.0";
  if (typeof publicIp !== "string" || !IPV4.test(publicIp)) throw new Error("PublicIP is no IPv4 address in a string");
  const publicIpv6 = field("PublicIPv6") ?? null;
  if (publicIpv6 !== null && typeof publicIpv6 !== "string") throw new Error("PublicIPv6 is neither null nor a string");
  const backendType = field("BackendType") ?? "";
  if (typeof backendType !== "string") throw new Error("BackendType is no string");
  return { key, subnet: `${address}/${length}`, publicIp, backendType, backendData: field("BackendData") };
}

/** The lease that a flanneld with this address takes up: the first, in the order of keys, that bears it. */
export function chooseAsFlannel(leases: readonly FlannelLease[], publicIp: string): FlannelLease | undefined {
  return leases.find((lease) => lease.publicIp === publicIp);
}
