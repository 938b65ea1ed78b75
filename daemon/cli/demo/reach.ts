// Proves that containers reach each other: ICMP echo for the table, and a TCP transfer whose hash is compared.
// One process serves every container: a socket stays in the namespace it was made in.
import { createHash, randomBytes } from "node:crypto";
import { type Server, Socket, createServer } from "node:net";
import type { Address, Family } from "#kernel/ip/address";
import { withNetns } from "#kernel/netns";
import { type Prober, openProber } from "#kernel/raw";
import type { Sys } from "#kernel/sys";
import { errorText } from "#spec/errors";
import { connectNow } from "./connect.ts";
import type { Namespace } from "./topology.ts";

export interface Endpoint {
  readonly name: string;
  readonly namespace: Namespace;
  readonly address: Address;
}

/** A container with all its addresses. */
export interface Served {
  readonly name: string;
  readonly namespace: Namespace;
  readonly addresses: readonly Address[];
}

const TRANSFER_PORT = 5000;
/** Enough for many segments and a window that has to grow. */
const TRANSFER_BYTES = 1 << 20;
const PROBE_TIMEOUT_MS = 1000;
const PROBE_TRIES = 3;
const TRANSFER_TIMEOUT_MS = 10_000;

export class ReachTester implements AsyncDisposable {
  readonly #sys: Sys;
  readonly #payload = randomBytes(TRANSFER_BYTES);
  readonly #digest = createHash("sha256").update(this.#payload).digest("hex");
  readonly #probers = new Map<string, Prober>();
  readonly #servers: Server[] = [];

  constructor(sys: Sys) {
    this.#sys = sys;
  }

  /** Makes a container answer transfers and able to probe. */
  async serve({ name, namespace, addresses }: Served): Promise<void> {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(this.#payload);
    });
    this.#servers.push(server);
    const listening = new Promise<void>((resolve, reject) => {
      server.once("listening", resolve).once("error", reject);
    });
    withNetns(this.#sys, namespace.fd, () => {
      server.listen(TRANSFER_PORT);
      for (const { family } of addresses) this.#probers.set(proberKey(name, family), openProber(this.#sys, family));
    });
    await listening;
  }

  /** Round trip in milliseconds of the first request that is answered, undefined when none is in time. */
  async ping(from: Endpoint, to: Endpoint): Promise<number | undefined> {
    const prober = this.#probers.get(proberKey(from.name, to.address.family));
    for (let tries = 0; tries < PROBE_TRIES; tries++) {
      try {
        return await prober?.probe(to.address, { timeoutMs: PROBE_TIMEOUT_MS });
      } catch {
        // Hosts that have just started hear of each other a moment later.
      }
    }
    return undefined;
  }

  /** Undefined when the bytes came over unharmed, else what went wrong. */
  async transfer(from: Endpoint, to: Endpoint): Promise<string | undefined> {
    try {
      const fd = withNetns(this.#sys, from.namespace.fd, () => connectNow(this.#sys, to.address, TRANSFER_PORT));
      const digest = await hashOf(new Socket({ fd }));
      return digest === this.#digest ? undefined : "the transferred bytes differ";
    } catch (error) {
      return errorText(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const prober of this.#probers.values()) prober.close();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function proberKey(name: string, family: Family): string {
  return `${name}/${family}`;
}

function hashOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const hash = createHash("sha256");
    socket.setTimeout(TRANSFER_TIMEOUT_MS, () => socket.destroy(new Error("the transfer stood still")));
    socket.on("data", (chunk) => hash.update(chunk));
    socket.on("end", () => resolve(hash.digest("hex")));
    socket.on("error", reject);
  });
}
