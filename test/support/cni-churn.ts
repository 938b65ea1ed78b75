// Containers that come and go, with plugins and resident killed at random moments in between: what GC leaves of it. All
// chance is from a seed; when a blow falls, the machine has a say in as well.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import path from "node:path";
import { sys } from "#sys";
import { SeededRandom } from "../sim/random.ts";
import { callPlugin, Sandbox, variablesOf, type Invocation } from "./cni.ts";
import { STAND_ALONE, startResident, type StartedResident } from "./resident.ts";

/** Plugins as a process of their own each, or through the resident. */
export type Way = "stand-alone" | "resident";

export interface ChurnOptions {
  readonly directory: string;
  /** For configurations, input and state. */
  readonly work: string;
  readonly seed: string;
  readonly cycles: number;
  readonly way: Way;
  /** One cycle in so many is hit. */
  readonly period?: number;
}

export interface ChurnReport {
  readonly cycles: number;
  /** Processes that were killed at work: plugins or their clients, and residents. */
  readonly killed: number;
  readonly residentsKilled: number;
  /** What was there before the first cycle and is not after GC, and what was not and is. */
  readonly lost: readonly string[];
  readonly left: readonly string[];
}

interface Chain {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** The configuration of one plugin. */
interface Step {
  readonly name: string;
  readonly type: string;
  readonly [key: string]: unknown;
}

const FIRST_PORT = 10_000;
const MASTER = "churnmaster";
/** Milliseconds of a call, before any has been seen, within which the first blows fall. */
const FIRST_DURATION = 20;
/** How much of the last duration is added to what is known. */
const LEARNING = 0.2;

function chainsOf(work: string): Chain[] {
  const ipam = (name: string, number: number): object => ({
    type: "host-local",
    dataDir: path.join(work, `ipam-${name}`),
    ranges: [[{ subnet: `10.${number}.0.0/16` }], [{ subnet: `fd00:${number}::/64` }]],
  });
  const limits = { ingressRate: 8e6, ingressBurst: 8e6, egressRate: 8e6, egressBurst: 8e6 };
  const chain = (
    name: string,
    steps: readonly { readonly type: string; readonly [key: string]: unknown }[],
  ): Chain => ({
    name,
    steps: steps.map((step) => ({ cniVersion: "1.1.0", name, ...step })),
  });
  return [
    chain("whole", [
      { type: "bridge", bridge: "churnbridge", isDefaultGateway: true, ipMasq: true, ipam: ipam("whole", 71) },
      { type: "portmap" },
      { type: "bandwidth", ...limits },
      { type: "firewall", backend: "nftables" },
      {
        type: "tuning",
        dataDir: path.join(work, "tuning"),
        mtu: 1400,
        sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1" },
      },
    ]),
    chain("ptp", [{ type: "ptp", ipMasq: true, ipam: ipam("ptp", 72) }]),
    chain("macvlan", [{ type: "macvlan", master: MASTER, ipam: ipam("macvlan", 73) }]),
  ];
}

/** All that plugins make outside of containers, a line each. The caller is in the host's namespace. */
function stateOf(work: string): Set<string> {
  const run = (...[program, ...args]: [string, ...string[]]): string =>
    execFileSync(program, args, { encoding: "utf8" });
  const lines: string[] = [];
  const add = (what: string, text: string): void => {
    for (const line of text.split("\n")) if (line.trim() !== "") lines.push(`${what}: ${line.trim()}`);
  };
  // Without what changes by itself: indexes of the other ends, states, counters, and the routes that the kernel makes of
  // addresses, some of them a moment later.
  add(
    "link",
    run("ip", "-br", "link")
      .replaceAll(/@\S+/g, "")
      .replaceAll(/ (UP|DOWN|UNKNOWN|LOWERLAYERDOWN) .*$/gm, ""),
  );
  add(
    "address",
    run("ip", "-br", "address")
      .replaceAll(/@\S+/g, "")
      .replaceAll(/fe80:\S+/g, ""),
  );
  for (const family of ["-4", "-6"]) {
    add(`rule ${family}`, run("ip", family, "rule"));
    add(
      `route ${family}`,
      run("ip", family, "route", "show", "table", "all")
        .replaceAll(" linkdown", "")
        .replaceAll(/^.*(fe80|ff00|table local).*$/gm, ""),
    );
  }
  add("nft", run("nft", "list", "ruleset").replaceAll(/counter packets \d+ bytes \d+/g, "counter"));
  for (const entry of fs.readdirSync(work, { recursive: true, withFileTypes: true })) {
    // The last address that was given out is a hint, and a lock is a file that stays.
    if (entry.isDirectory() || /^(last_reserved_ip|lock$|\.lock)/.test(entry.name)) continue;
    lines.push(`file: ${path.join(entry.parentPath, entry.name)}`);
  }
  return new Set(lines);
}

/** Runs the cycles in the network namespace that the caller is in, which is to be its own. */
export async function churn(options: ChurnOptions): Promise<ChurnReport> {
  const { work } = options;
  for (const command of [`link add ${MASTER} type bridge`, `link set ${MASTER} up`, "link set lo up"]) {
    execFileSync("ip", command.split(" "));
  }
  // What plugins keep, apart from the resident's locks and the test's own file.
  const state = path.join(work, "state");
  fs.mkdirSync(state);
  const host = new ChurnHost(options, chainsOf(state));
  await host.start();
  const stays: Sandbox[] = [];
  try {
    // Attachments that live through it all, and that GC must leave alone.
    for (const chain of host.chains) {
      const sandbox = new Sandbox(sys);
      stays.push(sandbox);
      host.addAll(chain, "stays", sandbox);
    }
    const before = stateOf(state);
    for (let cycle = 0; cycle < options.cycles; cycle++) await host.cycle(cycle);
    host.collect("stays");
    const after = stateOf(state);
    for (const [index, chain] of host.chains.entries()) host.checkAll(chain, "stays", stays[index]!);
    return {
      cycles: options.cycles,
      killed: host.killed,
      residentsKilled: host.residentsKilled,
      lost: [...before.difference(after)],
      left: [...after.difference(before)],
    };
  } finally {
    for (const sandbox of [...stays, ...host.abandoned]) sandbox.close();
    await host.stop();
  }
}

class ChurnHost {
  readonly chains: readonly Chain[];
  killed = 0;
  residentsKilled = 0;
  /** Of containers that were left as they were. */
  readonly abandoned: Sandbox[] = [];
  readonly #options: ChurnOptions;
  readonly #random: SeededRandom;
  readonly #results = new Map<string, object>();
  /** Milliseconds that calls took, by plugin and command. */
  readonly #durations = new Map<string, number>();
  #resident: StartedResident | undefined;

  constructor(options: ChurnOptions, chains: readonly Chain[]) {
    this.#options = options;
    this.chains = chains;
    this.#random = new SeededRandom(options.seed);
  }

  async start(): Promise<void> {
    if (this.#options.way === "stand-alone") return;
    this.#resident = await startResident(this.#options.directory, path.join(this.#options.work, "cni.sock"));
  }

  async stop(): Promise<void> {
    await this.#resident?.stop();
  }

  /** A container comes and goes. One in `period` is hit on its way, and then may be given up as it is. */
  async cycle(number: number): Promise<void> {
    const chain = this.chains[number % this.chains.length]!;
    const id = `churn${number}`;
    const sandbox = new Sandbox(sys);
    const isHit = this.#random.chance(1 / (this.#options.period ?? 10));
    if (!isHit) {
      this.addAll(chain, id, sandbox);
      this.delAll(chain, id, sandbox);
      sandbox.close();
      return;
    }
    const command = this.#random.pick(["ADD", "DEL"] as const);
    const at = this.#random.between(0, chain.steps.length - 1);
    if (command === "ADD") {
      this.addAll({ ...chain, steps: chain.steps.slice(0, at) }, id, sandbox);
    } else {
      this.addAll(chain, id, sandbox);
      this.delAll({ ...chain, steps: chain.steps.slice(at + 1) }, id, sandbox);
    }
    await this.#hit(this.#call(command, chain.steps[at]!, id, sandbox));
    // The runtime may try again, or have gone as well; and what is in the container may keep its namespace.
    if (this.#random.chance(0.4)) this.delAll(chain, id, sandbox);
    if (this.#random.chance(0.5)) sandbox.close();
    else this.abandoned.push(sandbox);
  }

  addAll(chain: Chain, id: string, sandbox: Sandbox): void {
    for (const step of chain.steps) {
      const result = this.#succeed(this.#call("ADD", step, id, sandbox));
      if (result !== undefined) this.#results.set(`${chain.name}/${id}`, result);
    }
  }

  delAll(chain: Chain, id: string, sandbox: Sandbox): void {
    for (const step of chain.steps.toReversed()) this.#succeed(this.#call("DEL", step, id, sandbox));
    this.#results.delete(`${chain.name}/${id}`);
  }

  checkAll(chain: Chain, id: string, sandbox: Sandbox): void {
    for (const step of chain.steps) this.#succeed(this.#call("CHECK", step, id, sandbox));
  }

  /** GC of every plugin, for one attachment of each network that is valid. */
  collect(id: string): void {
    const valid = { "cni.dev/valid-attachments": [{ containerID: id, ifname: "eth0" }] };
    for (const { steps } of this.chains) {
      for (const step of steps) this.#succeed({ ...this.#call("GC", step, id), config: { ...step, ...valid } });
    }
  }

  #call(command: string, step: Step, id: string, sandbox?: Sandbox): Invocation {
    const prevResult = this.#results.get(`${step.name}/${id}`);
    return {
      command,
      directory: this.#options.directory,
      plugin: step.type,
      config: { ...step, ...runtimeConfigOf(step, id), ...(prevResult === undefined ? {} : { prevResult }) },
      containerId: id,
      ...(sandbox === undefined ? {} : { netns: sandbox.path }),
      variables: this.#resident?.variables ?? STAND_ALONE,
    };
  }

  #succeed(call: Invocation): Record<string, unknown> | undefined {
    const start = performance.now();
    const { status, document, stdout, stderr } = callPlugin(call);
    const key = `${call.plugin} ${call.command}`;
    const known = this.#durations.get(key) ?? FIRST_DURATION;
    this.#durations.set(key, known + LEARNING * (performance.now() - start - known));
    if (status === 0) return document;
    throw new Error(`${key} of ${call.containerId ?? ""} failed (seed ${this.#options.seed}): ${stdout}${stderr}`);
  }

  /** Kills the plugin, or the resident that works for it, at a moment of the call's. */
  async #hit(call: Invocation): Promise<void> {
    const known = this.#durations.get(`${call.plugin} ${call.command}`) ?? FIRST_DURATION;
    const delay = this.#random.next() * known;
    const isResident = this.#resident !== undefined && this.#random.chance(0.5);
    // From a file, so that nothing is left for this process to do.
    const input = path.join(this.#options.work, "input");
    fs.writeFileSync(input, JSON.stringify(call.config));
    const stdin = fs.openSync(input, "r");
    const child = spawn(path.join(call.directory, call.plugin), [], {
      env: variablesOf(call),
      stdio: [stdin, "ignore", "ignore"],
    });
    const ended = once(child, "exit");
    pause(delay);
    if (isResident) await this.#killResident(ended);
    else this.#kill(child);
    await ended;
    fs.closeSync(stdin);
  }

  #kill(child: ChildProcess): void {
    if (child.kill("SIGKILL")) this.killed++;
  }

  async #killResident(ended: Promise<unknown>): Promise<void> {
    const { process: resident } = this.#resident!;
    const gone = once(resident, "exit");
    this.#kill(resident);
    this.residentsKilled++;
    await Promise.all([gone, ended]);
    await this.start();
  }
}

/** No two containers have one port. */
function runtimeConfigOf({ type }: Step, id: string): object {
  if (type !== "portmap") return {};
  const hostPort = FIRST_PORT + Number(/\d+$/.exec(id)?.[0] ?? -1);
  return { runtimeConfig: { portMappings: [{ hostPort, containerPort: 80, protocol: "tcp" }] } };
}

/** Of this thread, as a timer of the event loop has no parts of a millisecond. */
function pause(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
