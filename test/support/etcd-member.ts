// One member of an etcd cluster as a process on a host of a test's LAN: started, killed, paused, cut off, and asked which
// leader it follows. What it knows is read from its log, as it writes it.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type RawEtcd, rawEtcd } from "./etcd-raw.ts";
import type { LanHost } from "./lan.ts";
import type { Started } from "./processes.ts";

const CLIENT_PORT = 2379;
const PEER_PORT = 2380;

/** A follower that lost its leader writes "lost leader", one that has a new one "elected leader" or "changed leader". */
const LEADERSHIP = /raft\.node: \w+ (?:(lost) leader|elected leader (\w+)|changed leader from \w+ to (\w+)) /g;

export class EtcdMember {
  readonly name: string;
  readonly host: LanHost;
  readonly clientUrl: string;
  readonly peerUrl: string;
  /** Of its own; `data` below it is etcd's. */
  readonly directory: string;
  #process: Started | undefined;
  #leader: string | undefined;
  #changed = Promise.withResolvers<void>();
  #raw: RawEtcd | undefined;

  constructor(name: string, host: LanHost, directory: string) {
    this.name = name;
    this.host = host;
    this.directory = directory;
    this.clientUrl = `http://${host.address}:${CLIENT_PORT}`;
    this.peerUrl = `http://${host.address}:${PEER_PORT}`;
    mkdirSync(directory, { recursive: true });
  }

  get data(): string {
    return join(this.directory, "data");
  }

  /** Raft id in hexadecimal of the leader it follows, itself perhaps; undefined while it knows none. */
  get leader(): string | undefined {
    return this.#leader;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** etcd's API on this member alone. */
  get raw(): RawEtcd {
    return (this.#raw ??= rawEtcd(this.clientUrl));
  }

  /** Its raft id in hexadecimal. */
  async id(): Promise<string> {
    const { header } = await this.raw.maintenance.status({});
    return (header?.memberId ?? 0n).toString(16);
  }

  /** Starts etcd on its data. It serves once there is a quorum: see `serving`. */
  run(flags: Readonly<Record<string, string>>): void {
    const all: Record<string, string> = {
      name: this.name,
      "data-dir": this.data,
      logger: "zap",
      "log-outputs": "stderr",
      "listen-client-urls": this.clientUrl,
      "advertise-client-urls": this.clientUrl,
      "listen-peer-urls": this.peerUrl,
      "initial-advertise-peer-urls": this.peerUrl,
      ...flags,
    };
    const args = Object.entries(all).map(([flag, value]) => `--${flag}=${value}`);
    const started = this.host.start("etcd", args, { env: { PATH: process.env["PATH"] } });
    this.#process = started;
    this.#leader = undefined;
    let rest = "";
    started.child.stderr?.on("data", (text: string) => {
      const lines = `${rest}${text}`.split("\n");
      rest = lines.pop() ?? "";
      for (const [, lost, elected, changed] of lines.join("\n").matchAll(LEADERSHIP)) {
        this.#leader = lost === undefined ? (elected ?? changed) : undefined;
      }
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    });
  }

  /** Resolves when it serves clients, which takes a quorum. Rejects with what it printed when it ends before. */
  async serving(): Promise<void> {
    await this.#process?.printed(/serving (?:insecure )?client (?:traffic|requests)/);
  }

  /** Resolves at its next log line. */
  get said(): Promise<void> {
    return this.#changed.promise;
  }

  /** SIGKILL; resolves when it is dead. */
  async kill(): Promise<void> {
    const dying = this.#process;
    this.#process = undefined;
    this.#leader = undefined;
    dying?.child.kill("SIGKILL");
    // A paused process dies too.
    await dying?.finished;
    this.#raw?.close();
    this.#raw = undefined;
  }

  /** SIGSTOP and SIGCONT: connections stay and nothing answers. */
  pause(paused: boolean): void {
    this.#process?.child.kill(paused ? "SIGSTOP" : "SIGCONT");
  }

  /** Cuts it off from the other members, or not; clients still reach it. */
  isolate(off: boolean): void {
    const nft = (...args: string[]): unknown => this.host.netns.run(() => execFileSync("nft", args));
    if (!off) {
      nft("delete", "table", "inet", "isolation");
      return;
    }
    nft("add", "table", "inet", "isolation");
    for (const [chain, hook] of [
      ["in", "input"],
      ["out", "output"],
    ] as const) {
      nft("add", "chain", "inet", "isolation", chain, `{ type filter hook ${hook} priority 0; }`);
      for (const end of ["sport", "dport"]) {
        nft("add", "rule", "inet", "isolation", chain, "tcp", end, String(PEER_PORT), "drop");
      }
    }
  }

  /** Forgets all it has on disk. */
  erase(): void {
    rmSync(this.data, { recursive: true, force: true });
  }
}
