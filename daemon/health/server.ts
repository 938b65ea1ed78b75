// The health server (--healthz-ip, --healthz-port): flannel's two probes with flannel's texts, of which /readyz tells the
// truth and goes back to 503, the status document, and metrics.
import { createServer, type Server } from "node:http";
import { LodenError } from "#spec/errors";
import type { Status } from "#spec/status";
import { EXPOSITION_TYPE } from "./exposition.ts";

export interface HealthServer extends AsyncDisposable {
  /** The port in use: the one asked for. */
  readonly port: number;
}

/** Requests that dawdle are cut off: probes are answered at once. */
const REQUEST_LIMIT_MS = 5_000;

/** What the server tells, asked at each request. */
export interface HealthSources {
  readonly status: () => Status;
  readonly metrics: () => string;
}

/** Answers until disposed. @throws LodenError ERR_CONFIG when the address cannot be listened on */
export async function startHealthServer(
  listen: { readonly address: string; readonly port: number },
  sources: HealthSources,
): Promise<HealthServer> {
  const server = createServer(
    { requestTimeout: REQUEST_LIMIT_MS, headersTimeout: REQUEST_LIMIT_MS },
    (request, response) => {
      const { code, type, body } = answer(new URL(request.url ?? "/", "http://localhost").pathname, sources);
      response.writeHead(code, { "content-type": type, "content-length": Buffer.byteLength(body) });
      response.end(request.method === "HEAD" ? undefined : body);
    },
  );
  await listening(server, listen);
  // A probe's connection must not hold up the end of the process.
  server.unref();
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : listen.port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const TEXT = "text/plain; charset=utf-8";

function answer(path: string, { status, metrics }: HealthSources): { code: number; type: string; body: string } {
  switch (path) {
    case "/healthz":
      return { code: 200, type: TEXT, body: "flanneld is running" };
    case "/readyz":
      return status().ready
        ? { code: 200, type: TEXT, body: "flanneld is ready" }
        : { code: 503, type: TEXT, body: "flanneld is not ready yet" };
    case "/status":
      return { code: 200, type: "application/json", body: `${JSON.stringify(status(), undefined, 2)}\n` };
    case "/metrics":
      return { code: 200, type: EXPOSITION_TYPE, body: metrics() };
    default:
      return { code: 404, type: TEXT, body: "404 page not found" };
  }
}

function listening(server: Server, { address, port }: { address: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const text = `the health server cannot listen on --healthz-ip=${address} --healthz-port=${port}: ${error.message}`;
      reject(new LodenError("ERR_CONFIG", text, { cause: error, fields: { flag: "healthz-port" } }));
    });
    server.listen(port, address, resolve);
  });
}
