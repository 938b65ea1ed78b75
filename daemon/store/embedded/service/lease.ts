// The Lease service. An unknown lease is an error for LeaseRevoke, but a ttl of 0 for LeaseKeepAlive and of -1 for
// LeaseTimeToLive, as in etcd.
import type { ServiceImpl } from "@connectrpc/connect";
import type { Lease } from "../../etcd/generated/rpc_pb.js";
import { RefusedError } from "../errors.ts";
import { header, reply, type ServiceContext, toStatus } from "./reply.ts";

export function leaseService(context: ServiceContext): ServiceImpl<typeof Lease> {
  const { leases } = context.engine;
  return {
    leaseGrant: ({ TTL, ID }) =>
      reply(context, async () => {
        const { id, ttl } = await leases.grant(TTL, ID);
        return { header: header(context), ID: id, TTL: ttl };
      }),
    leaseRevoke: ({ ID }) =>
      reply(context, async () => {
        await leases.revoke(ID);
        return { header: header(context) };
      }),
    leaseKeepAlive: async function* (requests, { signal }) {
      try {
        for await (const { ID } of untilAborted(requests, signal)) {
          const TTL = await leases.keepAlive(ID);
          yield { header: header(context), ID, TTL };
        }
      } catch (error) {
        throw toStatus(context, error);
      }
    },
    leaseTimeToLive: ({ ID, keys: withKeys }) =>
      reply(context, () => {
        const { ttl, grantedTtl, keys } = leases.status(ID, withKeys);
        return { header: header(context), ID, TTL: ttl, grantedTTL: grantedTtl, keys };
      }),
    leaseLeases: () => reply(context, () => ({ header: header(context), leases: leases.list().map((ID) => ({ ID })) })),
  };
}

/** Requests until the client or the server ends the stream; a server that stops does so with an error. */
async function* untilAborted<T>(requests: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void> {
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const onAbort = (): void => aborted.reject(new RefusedError("stopped"));
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  const iterator = requests[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), aborted.promise]);
      if (done === true) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
