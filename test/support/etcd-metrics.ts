// What etcd counts of its clients' traffic (/metrics): requests by method, and bytes of gRPC messages.

export interface EtcdTraffic {
  /** Requests begun, by service and method ("KV/Range"); those of the test's own etcdctl among them. */
  readonly requests: ReadonlyMap<string, number>;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export async function readTraffic(url: string): Promise<EtcdTraffic> {
  const response = await fetch(`${url}/metrics`);
  const text = await response.text();
  const requests = new Map<string, number>();
  for (const [, method = "", service = "", count] of text.matchAll(
    /^grpc_server_started_total\{grpc_method="(\w+)",grpc_service="etcdserverpb\.(\w+)",grpc_type="\w+"\} (\S+)$/gm,
  )) {
    if (Number(count) > 0) requests.set(`${service}/${method}`, Number(count));
  }
  return { requests, receivedBytes: counter(text, "received"), sentBytes: counter(text, "sent") };
}

function counter(text: string, direction: "received" | "sent"): number {
  return Number(new RegExp(`^etcd_network_client_grpc_${direction}_bytes_total (\\S+)$`, "m").exec(text)?.[1] ?? 0);
}

/** What came between two readings. */
export function trafficSince(before: EtcdTraffic, after: EtcdTraffic): Record<string, number> {
  const methods = [...after.requests].map(([method, n]) => [method, n - (before.requests.get(method) ?? 0)] as const);
  return {
    ...Object.fromEntries(methods.filter(([, n]) => n > 0)),
    receivedBytes: after.receivedBytes - before.receivedBytes,
    sentBytes: after.sentBytes - before.sentBytes,
  };
}
