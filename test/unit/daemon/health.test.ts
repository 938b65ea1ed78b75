// The health server: flannel's paths and texts, readiness that tells the truth, the status document, and metrics.
import { createServer } from "node:http";
import { once } from "node:events";
import type { Status } from "#spec/status";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HealthServer, startHealthServer } from "../../../daemon/health/server.ts";
import { ownLoopback } from "../../support/store-server.ts";

const address = ownLoopback();
let server: HealthServer;
let ready = false;
const sources = {
  status: () => ({ ready, phase: "running" }) as Status,
  metrics: () => "up 1\n",
};

beforeAll(async () => {
  server = await startHealthServer({ address, port: 0 }, sources);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function ask(path: string, method = "GET"): Promise<[number, string]> {
  const response = await fetch(`http://${address}:${server.port}${path}`, { method });
  return [response.status, await response.text()];
}

describe("the health server", () => {
  test("answers /healthz while it runs, to any method", async () => {
    expect(await ask("/healthz")).toEqual([200, "flanneld is running"]);
    expect(await ask("/healthz?verbose", "POST")).toEqual([200, "flanneld is running"]);
    expect(await ask("/healthz", "HEAD")).toEqual([200, ""]);
  });

  test("answers /readyz by readiness, both ways", async () => {
    expect(await ask("/readyz")).toEqual([503, "flanneld is not ready yet"]);
    ready = true;
    expect(await ask("/readyz")).toEqual([200, "flanneld is ready"]);
    ready = false;
    expect(await ask("/readyz")).toEqual([503, "flanneld is not ready yet"]);
  });

  test("shows the status document", async () => {
    const [code, body] = await ask("/status");
    expect(code).toBe(200);
    expect(JSON.parse(body)).toEqual({ ready: false, phase: "running" });
  });

  test("gives metrics as Prometheus asks for them", async () => {
    const response = await fetch(`http://${address}:${server.port}/metrics`);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await response.text()).toBe("up 1\n");
  });

  test.each(["/", "/health", "/healthz/x", "//healthz", "/%00"])("has nothing under %s", async (path) => {
    expect((await ask(path))[0]).toBe(404);
  });

  test("names the flags when its address is taken", async () => {
    const other = createServer().listen(0, address);
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    await expect(startHealthServer({ address, port }, sources)).rejects.toThrowError(
      new RegExp(`--healthz-ip=${address} --healthz-port=${port}: .*EADDRINUSE`),
    );
    other.close();
  });
});
