// The store's gRPC server: HTTP/2, in clear text (h2c) or over TLS, with etcd's services on it.
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import type { DescService } from "@bufbuild/protobuf";
import { Code, type ConnectRouter, createConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { errorText, LodenError } from "#spec/errors";
import { Auth, Cluster, KV, Lease, Maintenance, Watch } from "../etcd/generated/rpc_pb.js";
import { kvService, MAX_REQUEST_BYTES } from "./service/kv.ts";
import { leaseService } from "./service/lease.ts";
import { authService, clusterService, maintenanceService } from "./service/member.ts";
import { type ServiceContext, unsupportedMethods, unsupportedText } from "./service/reply.ts";
import { watchService } from "./service/watch.ts";

type Handler = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void;

export interface ListenAddress {
  /** "" for every address of the host. */
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
}

/** PEM files, as etcd's flags of the same names. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities for the certificates of clients. */
  readonly trustedCaFile?: string;
  /** Clients must have a certificate from those authorities. */
  readonly clientCertAuth?: boolean;
}

export interface Listener {
  /** As a client names it: `http://127.0.0.1:2379`. */
  readonly endpoint: string;
  readonly port: number;
  /** Takes no more connections and ends those there are, after the calls under way have been answered. */
  close(): Promise<void>;
}

/** A message this much larger than the largest request is not even read (as in etcd); bytes. */
const READ_OVERHEAD = 512 * 1024;

/** Streams that one connection may have open: beyond any client, short of exhausting the process. */
const MAX_STREAMS = 10_000;

/** MiB that Node may hold for one connection before it refuses new streams on it. */
const SESSION_MEMORY = 256;

/** How long calls under way may take when the server closes; milliseconds. */
const CLOSE_GRACE = 1000;

export interface ServeOptions extends ServiceContext {
  readonly address: ListenAddress;
}

/** Rejects with LodenError ERR_STORE when the address cannot be had, ERR_CONFIG for bad TLS files. */
export async function serve(options: ServeOptions, tls?: TlsFiles): Promise<Listener> {
  const { address, log } = options;
  const shutdown = new AbortController();
  const handler = requestHandler(options, shutdown.signal);
  const settings = { settings: { maxConcurrentStreams: MAX_STREAMS }, maxSessionMemory: SESSION_MEMORY };
  const server =
    tls === undefined
      ? http2.createServer(settings, handler)
      : http2.createSecureServer({ ...settings, ...readTls(tls) }, handler);
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  // Peers that speak something else, or break off: theirs is the trouble, and nothing of ours.
  server.on("sessionError", (error) => log.debug({ err: error }, "a connection broke the protocol"));
  server.on("tlsClientError", (error: Error) => log.debug({ err: error }, "a TLS handshake failed"));
  server.on("unknownProtocol", (socket: Socket) => socket.destroy());
  await listening(server, address);
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `${tls === undefined ? "http" : "https"}://${authority(address.host, port)}`,
    port,
    close: () => closeServer(server, sessions, shutdown),
  };
}

/** `127.0.0.1:2379`, `[::1]:2379`; a wildcard is named by the loopback address. */
function authority(host: string, port: number): string {
  const name = host === "" || host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function listening(server: http2.Http2Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void => {
      const where = authority(host, port);
      reject(
        new LodenError("ERR_STORE", `cannot listen on ${where}: ${cause.message}. Give another --listen`, {
          cause,
          fields: { listen: where },
        }),
      );
    };
    server.once("error", onError);
    server.listen(host === "" ? { port } : { host, port }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

async function closeServer(
  server: http2.Http2Server,
  sessions: ReadonlySet<http2.ServerHttp2Session>,
  shutdown: AbortController,
): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  shutdown.abort();
  for (const session of sessions) session.close();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
  }, CLOSE_GRACE);
  await closed;
  clearTimeout(timer);
}

function readPem(flag: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new LodenError("ERR_CONFIG", `cannot read --${flag} ${file}: ${errorText(cause)}`, {
      cause,
      fields: { file },
    });
  }
}

function readTls(files: TlsFiles): TlsOptions {
  const ca = files.trustedCaFile === undefined ? {} : { ca: readPem("trusted-ca-file", files.trustedCaFile) };
  const isClientKnown = files.clientCertAuth === true;
  return {
    cert: readPem("cert-file", files.certFile),
    key: readPem("key-file", files.keyFile),
    ...ca,
    requestCert: isClientKnown,
    rejectUnauthorized: isClientKnown,
    minVersion: "TLSv1.2",
  };
}

/** Every served method by its path; what is left out of a service answers what there is instead. */
function requestHandler(context: ServiceContext, shutdownSignal: AbortSignal): Handler {
  const router = createConnectRouter({
    connect: false,
    grpcWeb: false,
    acceptCompression: [compressionGzip],
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
  return (request, response) => {
    const handler = handlers.get(request.url ?? "");
    if (handler === undefined) {
      answerUnknown(request, response);
      return;
    }
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
