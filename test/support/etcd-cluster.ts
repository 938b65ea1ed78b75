// A real etcd cluster for a test: three members, each on a host of its own on the test's LAN, to be killed, paused, cut
// off, replaced, compacted and restored from a backup. Ready means that its log or its API says so; no time is waited.
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { EtcdMember } from "./etcd-member.ts";
import { lanHost } from "./lan.ts";
import { type TempDir, tempDir } from "./temp-dir.ts";

const QUICK: Readonly<Record<string, string>> = {
  // A leader that is gone is missed after half a second; the shortest life of a lease (1.5 times that) follows from it.
  "heartbeat-interval": "50",
  "election-timeout": "500",
  // A member may be replaced at once, not only five seconds after the last one came back.
  "strict-reconfig-check": "false",
};

const TOKEN = "loden-test";

export interface ClusterOptions {
  readonly size?: number;
  /** Number on the LAN of the first member's host. */
  readonly firstHost?: number;
  readonly flags?: Readonly<Record<string, string>>;
}

export class EtcdCluster implements AsyncDisposable {
  readonly members: EtcdMember[];
  readonly #directory: TempDir = tempDir("cluster");
  readonly #flags: Readonly<Record<string, string>>;
  #hosts: number;

  private constructor({ size = 3, firstHost = 101, flags = {} }: ClusterOptions) {
    this.#flags = { ...QUICK, ...flags };
    this.#hosts = firstHost;
    this.members = Array.from({ length: size }, () => this.#newMember());
  }

  /** Starts a cluster; rejects with what a member printed when it does not come up. */
  static async start(options: ClusterOptions = {}): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(options);
    try {
      for (const member of cluster.members) cluster.run(member);
      await cluster.serving();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get endpoints(): string[] {
    return this.members.map(({ clientUrl }) => clientUrl);
  }

  /** Starts a member that is not running; do not await its serving where there is no quorum. */
  run(member: EtcdMember, state: "new" | "existing" = "new"): void {
    member.run({
      "initial-cluster": this.#initialCluster(),
      "initial-cluster-state": state,
      "initial-cluster-token": TOKEN,
      ...this.#flags,
    });
  }

  /** Resolves when all running members serve. */
  async serving(): Promise<void> {
    await Promise.all(this.members.filter(({ isRunning }) => isRunning).map((member) => member.serving()));
  }

  /** Resolves to the leader that all of `among` (those that run) agree on, once they do. */
  async leader(among: readonly EtcdMember[] = this.members.filter(({ isRunning }) => isRunning)): Promise<EtcdMember> {
    for (;;) {
      const said = Promise.race(among.map((member) => member.said));
      const [first, ...others] = among.map(({ leader }) => leader);
      if (first !== undefined && others.every((other) => other === first)) {
        for (const member of among) if ((await member.id()) === first) return member;
      }
      await said;
    }
  }

  /** The members that are not the leader. */
  async followers(): Promise<EtcdMember[]> {
    const leader = await this.leader();
    return this.members.filter((member) => member !== leader);
  }

  /** Removes a member for good and puts a new one on a new host in its place. */
  async replace(member: EtcdMember): Promise<EtcdMember> {
    const at = this.members.indexOf(member);
    const id = await member.id();
    const others = this.members.filter((other) => other !== member);
    this.ctlOn(others, "member", "remove", id);
    await member.kill();
    // It may have been the leader; without one no member can be added.
    await this.leader(others);
    const fresh = this.#newMember();
    this.members[at] = fresh;
    this.ctlOn(others, "member", "add", fresh.name, `--peer-urls=${fresh.peerUrl}`);
    this.run(fresh, "existing");
    await fresh.serving();
    return fresh;
  }

  /** Saves a backup, as `etcdctl snapshot save` does from one member. Returns the file. */
  save(): string {
    const file = join(mkdtempSync(join(this.#directory.path, "backup-")), "etcd.db");
    const [first] = this.members;
    if (first === undefined) throw new Error("the cluster has no member");
    this.ctlOn([first], "snapshot", "save", file);
    return file;
  }

  /** Stops all members, puts the backup in place of their data as etcd's guide tells, and starts them again. */
  async restore(file: string): Promise<void> {
    for (const member of this.members) await member.kill();
    for (const member of this.members) {
      member.erase();
      etcdctl([
        "snapshot",
        "restore",
        file,
        `--name=${member.name}`,
        `--data-dir=${member.data}`,
        `--initial-cluster=${this.#initialCluster()}`,
        `--initial-advertise-peer-urls=${member.peerUrl}`,
        `--initial-cluster-token=${TOKEN}`,
      ]);
    }
    for (const member of this.members) this.run(member);
    await this.serving();
  }

  /** Forgets all history up to now. */
  async compact(): Promise<void> {
    const [first] = this.members;
    const { header } = (await first?.raw.kv.range({ key: Buffer.from("any") })) ?? {};
    await first?.raw.kv.compact({ revision: header?.revision ?? 0n, physical: true });
  }

  /** Debian's etcdctl on the cluster. Returns what it prints; throws with its errors. */
  ctl(...args: readonly string[]): string {
    return this.ctlOn(this.members, ...args);
  }

  ctlOn(members: readonly EtcdMember[], ...args: readonly string[]): string {
    return etcdctl([`--endpoints=${members.map(({ clientUrl }) => clientUrl).join(",")}`, ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) await member.kill();
    for (const member of this.members) member.host[Symbol.dispose]();
    await this.#directory[Symbol.asyncDispose]();
  }

  #newMember(): EtcdMember {
    const n = this.#hosts++;
    const name = `member${n}`;
    return new EtcdMember(name, lanHost(n), join(this.#directory.path, name));
  }

  #initialCluster(): string {
    return this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
  }
}

function etcdctl(args: readonly string[]): string {
  return execFileSync("etcdctl", args, {
    encoding: "utf8",
    env: { PATH: process.env["PATH"], ETCDCTL_API: "3" },
    stdio: ["ignore", "pipe", "pipe"],
  });
}
