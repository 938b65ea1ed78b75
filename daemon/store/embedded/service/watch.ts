// The Watch service: requests of the stream go to a WatchSession, its answers to the client as fast as that takes them.
import type { ServiceImpl } from "@connectrpc/connect";
import type { Watch, WatchRequest } from "../../etcd/generated/rpc_pb.js";
import type { WatchSession } from "../watch.ts";
import { header, type ServiceContext, toStatus } from "./reply.ts";

export function watchService(context: ServiceContext): ServiceImpl<typeof Watch> {
  return {
    watch: async function* (requests, { signal }) {
      const session = context.engine.watch();
      const onAbort = (): void => session.close();
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      void take(requests, session);
      try {
        for await (const answer of session.responses()) {
          yield { ...answer, header: header(context, answer.header.revision) };
        }
      } catch (error) {
        throw toStatus(context, error);
      } finally {
        signal.removeEventListener("abort", onAbort);
        context.engine.end(session);
      }
    },
  };
}

/** A client that will send no more requests goes on receiving, as from etcd. */
async function take(requests: AsyncIterable<WatchRequest>, session: WatchSession): Promise<void> {
  try {
    for await (const { requestUnion } of requests) {
      if (requestUnion.case === "createRequest") await session.create(requestUnion.value);
      else if (requestUnion.case === "cancelRequest") await session.cancel(requestUnion.value.watchId);
      else if (requestUnion.case === "progressRequest") session.requestProgress();
    }
  } catch (error) {
    // The client is gone, or what it sent is no request.
    session.close(error instanceof Error ? error : undefined);
  }
}
