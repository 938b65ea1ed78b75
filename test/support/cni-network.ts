// A network for plugin tests: the configuration of an interface plugin, calls of it, and what it left on disk.
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { withNetns } from "#kernel/netns";
import type { PluginName } from "#spec/plugin-names";
import { sys } from "#sys";
import type { Invocation, Sandbox } from "./cni.ts";
import type { Host } from "./cni-rig.ts";

let serial = 0;

export interface NetworkSetup {
  readonly directory: string;
  readonly plugin: PluginName;
  readonly config?: Readonly<Record<string, unknown>>;
  /** More keys of the host-local section, or null for no section at all. */
  readonly ipam?: Readonly<Record<string, unknown>> | null;
  readonly version?: string;
}

/** Both families, from subnets of the network's own. */
export class TestNetwork {
  readonly name: string;
  readonly dataDir: string;
  /** The first three octets. */
  readonly subnet: string;
  /** What stands before `::`. */
  readonly subnet6: string;
  readonly document: Readonly<Record<string, unknown>>;
  readonly #setup: NetworkSetup;

  constructor(host: Host, setup: NetworkSetup) {
    const number = ++serial;
    this.#setup = setup;
    this.name = `net${number}`;
    this.dataDir = path.join(host.work, `ipam${number}`);
    this.subnet = `10.101.${number}`;
    this.subnet6 = `fd01:${number}:`;
    const { plugin, ipam = {}, config = {}, version = "1.1.0" } = setup;
    const ranges = [[{ subnet: `${this.subnet}.0/24` }], [{ subnet: `${this.subnet6}:/64` }]];
    this.document = {
      cniVersion: version,
      name: this.name,
      type: plugin,
      ...(ipam === null ? {} : { ipam: { type: "host-local", dataDir: this.dataDir, ranges, ...ipam } }),
      ...config,
    };
  }

  call(command: string, sandbox?: Sandbox, more: Partial<Invocation> = {}): Invocation {
    const { directory, plugin } = this.#setup;
    const netns = sandbox === undefined ? {} : { netns: sandbox.path };
    return { command, directory, plugin, config: this.document, ...netns, ...more };
  }

  /** With more in its configuration. */
  callWith(config: object, command: string, sandbox?: Sandbox, more: Partial<Invocation> = {}): Invocation {
    return this.call(command, sandbox, { ...more, config: { ...this.document, ...config } });
  }

  reservations(): string[] {
    const directory = path.join(this.dataDir, this.name);
    if (!fs.existsSync(directory)) return [];
    return fs.readdirSync(directory).filter((file) => /^[\da-f.:]+$/.test(file));
  }
}

export function inSandbox<T>(sandbox: Sandbox, run: () => T): T {
  return withNetns(sys, sandbox.fd, run);
}

export function ip(...args: string[]): void {
  execFileSync("ip", args);
}

/** Many commands of `ip` by one process. */
export function ipBatch(lines: readonly string[]): void {
  execFileSync("ip", ["-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** What `ip -j -d` prints, inside a sandbox where one is given. */
export function ipJson(sandbox: Sandbox | undefined, ...args: string[]): Record<string, unknown>[] {
  const run = (): string => execFileSync("ip", ["-j", "-d", ...args], { encoding: "utf8" });
  const text = sandbox === undefined ? run() : inSandbox(sandbox, run);
  return JSON.parse(text || "[]") as Record<string, unknown>[];
}

/** Whether there is an answer within twenty seconds. */
export function canPing(sandbox: Sandbox | undefined, address: string): boolean {
  // -w: a link that came up lets packets through within a second, and a busy machine takes its time.
  const run = (): boolean => spawnSync("ping", ["-c", "1", "-i", "0.1", "-w", "20", address]).status === 0;
  return sandbox === undefined ? run() : inSandbox(sandbox, run);
}

/** Two packets, close behind each other, that nobody should answer: the first may be lost for other reasons. */
export function isCutOff(sandbox: Sandbox, address: string): boolean {
  return inSandbox(sandbox, () => spawnSync("ping", ["-c", "2", "-i", "0.1", "-W", "0.3", address]).status !== 0);
}
