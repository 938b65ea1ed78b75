// A TCP proxy on loopback, to be cut and mended: the network between a client and a server, as a test sees it.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #state: "open" | "cut" | "stalled" = "open";

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(address: string, target: URL): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new TcpProxy(server);
    server.on("connection", (near) => proxy.#join(near, target));
    server.listen(0, address);
    await once(server, "listening");
    return proxy;
  }

  /** host:port to connect to. */
  get authority(): string {
    const bound = this.#server.address();
    if (bound === null || typeof bound === "string") throw new Error("the proxy is closed");
    return `${bound.address}:${bound.port}`;
  }

  /** Ends all connections and refuses new ones, as a dead route with a firewall that says so. */
  cut(): void {
    this.#state = "cut";
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Lets nothing through while connections stay, as a dead route does: nobody is told. */
  stall(): void {
    this.#state = "stalled";
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  mend(): void {
    this.#state = "open";
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(near: Socket, target: URL): void {
    if (this.#state === "cut") {
      near.destroy();
      return;
    }
    const far = connect({ host: target.hostname, port: Number(target.port), allowHalfOpen: true });
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.setNoDelay(true);
      from.on("data", (bytes) => to.write(bytes));
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
      if (this.#state === "stalled") from.pause();
    }
  }
}
