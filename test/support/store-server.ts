// A server that speaks etcd's protocol, as a process of a test: on loopback, in a directory of its own, gone with the
// test even when that is killed (the kernel kills the server with its parent, a janitor removes the directory).
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Started, startProcess } from "./processes.ts";

export interface ServerCommand {
  readonly endpoint: string;
  readonly command: string;
  readonly args: readonly string[];
  /** What it prints once it serves. */
  readonly ready: RegExp;
}

export class StoreServer implements AsyncDisposable {
  /** `http(s)://127.x.y.z:port`. */
  readonly endpoint: string;
  /** Empty at first; the server keeps its data in `data` below it. */
  readonly directory: string;
  readonly #command: ServerCommand;
  readonly #janitor: ChildProcess;
  #server: Started | undefined;

  private constructor(directory: string, command: ServerCommand) {
    this.directory = directory;
    this.endpoint = command.endpoint;
    this.#command = command;
    const janitor = fileURLToPath(new URL("janitor.ts", import.meta.url));
    // A group of its own: what ends the test's whole group (Ctrl-C) leaves it to do its work.
    this.#janitor = spawn(process.execPath, [janitor, directory], {
      stdio: ["pipe", "ignore", "inherit"],
      detached: true,
    });
  }

  /** Starts a server on a fresh data directory. Rejects with what it printed when it does not come up. */
  static async start(command: (data: string) => ServerCommand): Promise<StoreServer> {
    const directory = mkdtempSync(join(tmpdir(), "loden-store-"));
    const server = new StoreServer(directory, command(join(directory, "data")));
    try {
      await server.run();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** Starts the server on its data; resolves when it serves clients. */
  async run(): Promise<void> {
    this.#server = startProcess(this.#command.command, this.#command.args, { env: { PATH: process.env["PATH"] } });
    await this.#server.printed(this.#command.ready);
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

/** A port that is free on that address. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, ownLoopback());
  await once(server, "listening");
  const bound = server.address();
  server.close();
  await once(server, "close");
  if (bound === null || typeof bound === "string") throw new Error("no port was bound");
  return bound.port;
}
