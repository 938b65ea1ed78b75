// A real etcd-server for a test: on loopback, in a directory of its own, gone with the test even when that is killed
// (the kernel kills etcd with its parent, a janitor removes the directory). Ready when it says so.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Started, startProcess } from "./processes.ts";

export interface EtcdOptions {
  /** PEM files for clients: the server's certificate and key, and the CA that clients' certificates must be signed by. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  /** Further flags, e.g. `quota-backend-bytes`. */
  readonly flags?: Readonly<Record<string, string>>;
}

export class Etcd implements AsyncDisposable {
  /** `http(s)://127.x.y.z:port`. */
  readonly endpoint: string;
  readonly directory: string;
  readonly #args: readonly string[];
  readonly #janitor: ChildProcess;
  #server: Started | undefined;

  private constructor(directory: string, endpoint: string, args: readonly string[]) {
    this.directory = directory;
    this.endpoint = endpoint;
    this.#args = args;
    const janitor = fileURLToPath(new URL("janitor.ts", import.meta.url));
    this.#janitor = spawn(process.execPath, [janitor, directory], { stdio: ["pipe", "ignore", "inherit"] });
  }

  /** Starts an empty one. Rejects with what etcd said when it does not come up. */
  static async start(options: EtcdOptions = {}): Promise<Etcd> {
    const directory = mkdtempSync(join(tmpdir(), "loden-etcd-"));
    const address = ownLoopback();
    const [client, peer] = [await freePort(address), await freePort(address)];
    const { tls } = options;
    const endpoint = `${tls === undefined ? "http" : "https"}://${address}:${client}`;
    const peerUrl = `http://${address}:${peer}`;
    const flags: Record<string, string> = {
      name: "test",
      "data-dir": join(directory, "data"),
      logger: "zap",
      "log-outputs": "stderr",
      "listen-client-urls": endpoint,
      "advertise-client-urls": endpoint,
      "listen-peer-urls": peerUrl,
      "initial-advertise-peer-urls": peerUrl,
      "initial-cluster": `test=${peerUrl}`,
      // One member needs no patience with its leader; the shortest life of a lease follows from it.
      "heartbeat-interval": "20",
      "election-timeout": "200",
      ...(tls && { "cert-file": tls.certificate, "key-file": tls.key }),
      ...(tls?.clientCa !== undefined && { "client-cert-auth": "true", "trusted-ca-file": tls.clientCa }),
      ...options.flags,
    };
    const etcd = new Etcd(
      directory,
      endpoint,
      Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    );
    await etcd.run();
    return etcd;
  }

  /** Starts the server on its data; resolves when it serves clients. */
  async run(): Promise<void> {
    this.#server = startProcess("etcd", this.#args, { env: { PATH: process.env["PATH"] } });
    await this.#server.printed(/serving client traffic/);
  }

  /** SIGKILL, as in a crash; resolves when it is dead. */
  async kill(): Promise<void> {
    this.#server?.child.kill("SIGKILL");
    await this.#server?.finished;
    this.#server = undefined;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.run();
  }

  /** Copies the data, which takes a restart; the function given puts the copy in its place, which takes another. */
  async backUp(): Promise<() => Promise<void>> {
    const data = join(this.directory, "data");
    const copy = mkdtempSync(join(this.directory, "copy-"));
    await this.kill();
    cpSync(data, copy, { recursive: true });
    await this.run();
    return async () => {
      await this.kill();
      rmSync(data, { recursive: true });
      cpSync(copy, data, { recursive: true });
      await this.run();
    };
  }

  /** Stops the server's process where it stands (SIGSTOP), or lets it go on: a hang, seen from outside. */
  freeze(frozen: boolean): void {
    this.#server?.child.kill(frozen ? "SIGSTOP" : "SIGCONT");
  }

  /** Debian's etcdctl on this server. Returns what it prints; throws with its errors. */
  ctl(...args: readonly string[]): string {
    return execFileSync("etcdctl", [...args], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], ETCDCTL_API: "3", ETCDCTL_ENDPOINTS: this.endpoint },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    const gone = once(this.#janitor, "exit");
    this.#janitor.stdin?.end();
    await gone;
  }
}

/** A loopback address of this process alone, so that tests beside each other cannot take each other's ports. */
export function ownLoopback(): string {
  const { pid } = process;
  return `127.${16 + ((pid >> 16) & 63)}.${(pid >> 8) & 255}.${pid & 255}`;
}

async function freePort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, "listening");
  const bound = server.address();
  server.close();
  await once(server, "close");
  if (bound === null || typeof bound === "string") throw new Error("no port was bound");
  return bound.port;
}
