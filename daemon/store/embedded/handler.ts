// etcd's services as one handler of HTTP/2 requests. Connect does the gRPC; what it would print is logged, and unknown
// methods are answered with what is served.
import type http2 from "node:http2";
import type { DescService } from "@bufbuild/protobuf";
import { Code, type ConnectRouter, createConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { Auth, Cluster, KV, Lease, Maintenance, Watch } from "../etcd/generated/rpc_pb.js";
import { kvService, MAX_REQUEST_BYTES } from "./service/kv.ts";
import { leaseService } from "./service/lease.ts";
import { authService, clusterService, maintenanceService } from "./service/member.ts";
import { type ServiceContext, unsupportedMethods, unsupportedText } from "./service/reply.ts";
import { watchService } from "./service/watch.ts";

export type Handler = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void;

/** A message this much larger than the largest request is not even read (as in etcd); bytes. */
const READ_OVERHEAD = 512 * 1024;

/** Requests may be compressed; answers are not, as from etcd: it takes ten times as long as sending them. */
const NEVER_COMPRESS = 0xffff_ffff;

/** Every served method by its path; what is left out of a service answers what there is instead. */
export function requestHandler(context: ServiceContext, shutdownSignal: AbortSignal): Handler {
  const router = createConnectRouter({
    connect: false,
    grpcWeb: false,
    acceptCompression: [compressionGzip],
    compressMinBytes: NEVER_COMPRESS,
    readMaxBytes: MAX_REQUEST_BYTES + READ_OVERHEAD,
    shutdownSignal,
  });
  register(router, KV, kvService(context));
  register(router, Watch, watchService(context));
  register(router, Lease, leaseService(context));
  register(router, Cluster, clusterService(context));
  register(router, Maintenance, maintenanceService(context));
  register(router, Auth, authService(context));
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const serve: Handler = (request, response) => {
    const handler = handlers.get(request.url ?? "");
    if (handler === undefined) {
      answerUnknown(request, response);
      return;
    }
    // Names no virtual host here, and what a client writes there need not fit into a URL.
    request.headers[":authority"] = "store";
    // Once the trailers are on their way: a client that has not ended its half of the stream must not hold a
    // connection open that is to close.
    request.stream.once("wantTrailers", () => {
      if (shutdownSignal.aborted) setImmediate(() => request.stream.close());
    });
    const call = async (): Promise<void> => {
      const answer = await handler(universalRequestFromNodeRequest(request, response, undefined, undefined));
      await universalResponseToNodeResponse(answer, response);
    };
    call().catch((error: unknown) => {
      // Refusals are answers; what comes here is a client that went away.
      context.log.debug({ err: error }, "an answer could not be delivered");
      response.destroy();
    });
  };
  return (request, response) => {
    try {
      serve(request, response);
    } catch (error) {
      // A stream that is gone already refuses to be answered; thrown here it would end the process.
      context.log.debug({ err: error }, "a request could not be taken");
    }
  };
}

function register<T extends DescService>(router: ConnectRouter, service: T, served: Partial<ServiceImpl<T>>): void {
  router.service(service, { ...unsupportedMethods(service, served), ...served });
}

/** A gRPC client learns what is served; anything else gets a 404. */
const answerUnknown: Handler = (request, response) => {
  const isGrpc = request.headers["content-type"]?.startsWith("application/grpc") ?? false;
  if (isGrpc) {
    // Status in the only headers: gRPC's "Trailers-Only" form.
    const headers = {
      ":status": 200,
      "content-type": "application/grpc",
      "grpc-status": String(Code.Unimplemented),
      "grpc-message": encodeURIComponent(unsupportedText((request.url ?? "").slice(1))),
    };
    response.stream.respond(headers, { endStream: true });
    return;
  }
  response.writeHead(404, { "content-type": "text/plain" });
  response.end("this is the gRPC port of loden store, which speaks etcd's v3 API\n");
};
