// Renewing an etcd lease: one request on a LeaseKeepAlive stream, one answer, within a deadline. Leases of the fabric
// live for hours, so a stream kept open between renewals would only be one more thing to watch.
import type { EtcdClient } from "./client.ts";
import { etcdMalformed } from "./errors.ts";
import { Lease } from "./generated/rpc_pb.js";

/** Seconds of life after the renewal; 0 or less when the lease is gone. */
export async function keepAlive(client: EtcdClient, lease: bigint, signal: AbortSignal | undefined): Promise<number> {
  const answer = await client.exchange(Lease.method.leaseKeepAlive, { ID: lease }, { signal, repeatable: true });
  // "Gone" makes a node give up its subnet: believe it of the lease that was asked for only.
  if (answer.ID !== lease) throw etcdMalformed(client.name, "LeaseKeepAlive answered for another lease");
  return Number(answer.TTL);
}
