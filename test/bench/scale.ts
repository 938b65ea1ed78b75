// `npm run bench -- scale`: a real daemon on an etcd with thousands of leases. From the start of the process to the last
// object in the kernel, what one change costs then, what a storm of changes costs, and memory; with the floor beside it:
// the same objects by `ip -batch` and `bridge -batch`, and a flanneld where one is given, in turns on one machine.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { systemClock } from "../../daemon/clock.ts";
import { enterFreshNetns, iproute } from "../support/netns.ts";
import { type Started, startProcess } from "../support/processes.ts";
import { Fleet, fleetPeer } from "./fleet.ts";
import { cpuOf, type Memory, memoryOf } from "./process-cost.ts";
import { RouteWatch } from "./route-watch.ts";
import { grouped, median, table } from "./statistics.ts";

const LODEND = fileURLToPath(new URL("../../dist/bin/lodend", import.meta.url));
const MEBI = 1 << 20;
/** Milliseconds after the start at which memory is read: past the first collections and the first state file. */
const SETTLE_MS = 5_000;
const CHURN_PER_SECOND = 100;
/** A change in the storm may cost so many times as much in the largest network as in the smallest. */
const FLAT = 1.5;
/** Bars at this many peers: seconds to the last object, and MiB. */
const BAR = { peers: 4_000, startMs: 1_200, memory: 90 * MEBI } as const;

const USAGE = `usage: npm run bench -- scale [flags]

  --peers N,N,…          sizes of the network (default 10,100,1000,4000,10000)
  --rounds N             starts of each contender at each size (default 3)
  --changes N            single changes that are timed (default 40)
  --churn SECONDS        how long ${CHURN_PER_SECOND} changes a second go on (default 5)
  --idle SECONDS         how long it is watched doing nothing (default 60: each kind of object is compared once meanwhile)
  --peer-flanneld PATH   a flanneld to time beside, on the same etcd
`;

interface Settings {
  readonly peers: readonly number[];
  readonly rounds: number;
  readonly changes: number;
  readonly churnSeconds: number;
  readonly idleSeconds: number;
  readonly flanneld: string | undefined;
}

/** A program that programs the kernel from the store. */
interface Contender {
  readonly name: string;
  readonly start: (work: string) => Started;
}

/** What one size and contender came to. */
interface Result {
  readonly startMs: number[];
  readonly memory: Memory[];
  /** Share of a processor that it takes with nothing to do, the slow comparison of everything included. */
  idle: number;
  changeMs: number;
  changeCpu: number;
  /** Processor time a change in the storm. */
  churnCpu: number;
}

export async function run(args: readonly string[]): Promise<number> {
  const settings = readSettings(args);
  if (typeof settings === "string") {
    process.stderr.write(settings);
    return settings === USAGE ? 0 : 2;
  }
  enterFreshNetns();
  iproute("link", "add", "eth0", "type", "veth", "peer", "name", "far");
  for (const name of ["eth0", "far"]) iproute("link", "set", name, "up");
  iproute("address", "add", "192.168.0.1/24", "dev", "eth0");
  iproute("route", "add", "default", "via", "192.168.0.254");
  await using fleet = await Fleet.start();
  using routes = new RouteWatch(24);
  const bench = new Bench(fleet, routes, settings);
  for (const peers of settings.peers) process.stdout.write(await bench.size(peers));
  process.stdout.write(bench.verdicts());
  return 0;
}

function readSettings(args: readonly string[]): Settings | string {
  const options = {
    peers: { type: "string", default: "10,100,1000,4000,10000" },
    rounds: { type: "string", default: "3" },
    changes: { type: "string", default: "40" },
    churn: { type: "string", default: "5" },
    idle: { type: "string", default: "60" },
    "peer-flanneld": { type: "string" },
    help: { type: "boolean", default: false },
  } as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    if (values.help) return USAGE;
    const numbers = [...values.peers.split(","), values.rounds, values.changes, values.churn, values.idle].map(Number);
    if (!numbers.every((number) => Number.isInteger(number) && number > 0)) {
      throw new Error("--peers, --rounds, --changes, --churn and --idle take whole numbers above 0");
    }
    const [idleSeconds, churnSeconds, changes, rounds, ...peers] = numbers.toReversed() as [
      number,
      number,
      number,
      number,
      ...number[],
    ];
    const flanneld = values["peer-flanneld"];
    return { peers: peers.toReversed(), rounds, changes, churnSeconds, idleSeconds, flanneld };
  } catch (error) {
    return `${(error as Error).message}\n${USAGE}`;
  }
}

class Bench {
  readonly #fleet: Fleet;
  readonly #routes: RouteWatch;
  readonly #settings: Settings;
  readonly #contenders: Contender[];
  #written = 0;
  readonly #verdicts: string[] = [];
  readonly #storms: { readonly peers: number; readonly cpu: number }[] = [];

  constructor(fleet: Fleet, routes: RouteWatch, settings: Settings) {
    this.#fleet = fleet;
    this.#routes = routes;
    this.#settings = settings;
    const { flanneld } = settings;
    this.#contenders = [{ name: "lodend", start: (work) => startLodend(fleet, work) }];
    if (flanneld !== undefined)
      this.#contenders.push({ name: "flanneld", start: (work) => startFlanneld(flanneld, fleet, work) });
  }

  verdicts(): string {
    return [...this.#verdicts, ...this.#flatness()].join("");
  }

  #flatness(): string[] {
    const [smallest, ...others] = this.#storms.toSorted((a, b) => a.peers - b.peers);
    const largest = others.at(-1);
    if (smallest === undefined || largest === undefined) return [];
    const ratio = largest.cpu / smallest.cpu;
    const what = `CPU of one of ${CHURN_PER_SECOND} changes a second, ${largest.peers} peers to ${smallest.peers}`;
    return [`${ratio <= FLAT ? "met   " : "MISSED"}  ${what}: ${ratio.toFixed(2)} (bar ${FLAT})\n`];
  }

  /** All contenders at one size, as text. */
  async size(peers: number): Promise<string> {
    if (this.#written > peers) {
      await this.#fleet.clear();
      this.#written = 0;
    }
    await this.#fleet.add(this.#written, peers);
    this.#written = peers;
    const floor: number[] = [];
    const results = this.#contenders.map((contender) => [contender, emptyResult()] as const);
    for (let round = 0; round < this.#settings.rounds; round++) {
      floor.push(await this.#byHand(peers));
      const isLast = round === this.#settings.rounds - 1;
      for (const [contender, result] of results) await this.#round(contender, peers, result, isLast);
    }
    const ours = results[0]![1];
    if (peers === BAR.peers) this.#judge(ours);
    this.#storms.push({ peers, cpu: ours.churnCpu });
    return report(peers, median(floor), results, this.#settings);
  }

  #judge(ours: Result): void {
    const verdict = (title: string, value: number, bar: number, unit: string): void => {
      const word = value <= bar ? "met   " : "MISSED";
      this.#verdicts.push(`${word}  ${title} at ${BAR.peers} peers: ${grouped(value)} ${unit} (bar ${grouped(bar)})\n`);
    };
    verdict("start to last object", median(ours.startMs), BAR.startMs, "ms");
    verdict("resident memory", memoryIn(ours, "now") / MEBI, BAR.memory / MEBI, "MiB");
  }

  /** Milliseconds that iproute2 takes for the same objects. */
  async #byHand(peers: number): Promise<number> {
    this.#clean();
    using work = workDirectory();
    const [ip, bridge] = [path.join(work.path, "ip"), path.join(work.path, "bridge")];
    const all = Array.from({ length: peers }, (_, n) => fleetPeer(n));
    const device = "type vxlan id 1 dstport 8472 local 192.168.0.1 dev eth0 nolearning";
    const lines = [
      `link add flannel.1 mtu 1450 ${device}`,
      "address add 10.1.1.0/32 dev flannel.1",
      "link set flannel.1 up",
      ...all.map(({ gateway, mac }) => `neighbour replace ${gateway} lladdr ${mac} dev flannel.1 nud permanent`),
      ...all.map(({ subnet, gateway }) => `route add ${subnet} via ${gateway} dev flannel.1 onlink`),
    ];
    writeFileSync(ip, `${lines.join("\n")}\n`);
    const entries = all.map(({ mac, address }) => `fdb replace ${mac} dst ${address} dev flannel.1 self permanent\n`);
    writeFileSync(bridge, entries.join(""));
    this.#routes.reset();
    const start = performance.now();
    execFileSync("ip", ["-batch", ip]);
    execFileSync("bridge", ["-batch", bridge]);
    const end = performance.now();
    await this.#routes.until({ added: peers });
    return end - start;
  }

  async #round(contender: Contender, peers: number, result: Result, isLast: boolean): Promise<void> {
    this.#clean();
    using work = workDirectory();
    this.#routes.reset();
    const start = performance.now();
    const daemon = contender.start(work.path);
    try {
      const end = await Promise.race([
        this.#routes.until({ added: peers }),
        daemon.finished.then(({ stderr }) => Promise.reject(new Error(`${contender.name} ended:\n${stderr}`))),
      ]);
      result.startMs.push(end - start);
      await systemClock.sleep(SETTLE_MS);
      const pid = daemon.child.pid!;
      result.memory.push(memoryOf(pid));
      if (isLast) {
        const idle = cpuOf(pid);
        const idleMs = this.#settings.idleSeconds * 1_000;
        await systemClock.sleep(idleMs);
        result.idle = (cpuOf(pid) - idle) / idleMs;
        await this.#changes(pid, peers, result);
      }
    } finally {
      daemon.child.kill("SIGKILL");
      await daemon.finished;
    }
  }

  /** One by one, each awaited; then many a second, come what may. */
  async #changes(pid: number, peers: number, result: Result): Promise<void> {
    const times: number[] = [];
    let before = cpuOf(pid);
    for (let n = 0; n < this.#settings.changes; n++) {
      this.#routes.reset();
      const start = performance.now();
      await this.#fleet.add(peers, peers + 1);
      times.push((await this.#routes.until({ added: 1 })) - start);
      await this.#fleet.remove(peers);
      await this.#routes.until({ deleted: 1 });
    }
    result.changeMs = median(times);
    result.changeCpu = (cpuOf(pid) - before) / (2 * this.#settings.changes);
    before = cpuOf(pid);
    this.#routes.reset();
    const total = CHURN_PER_SECOND * this.#settings.churnSeconds;
    const start = performance.now();
    for (let n = 0; n < total / 2; n++) {
      await systemClock.sleep(Math.max(0, start + (2 * n * 1_000) / CHURN_PER_SECOND - performance.now()));
      await this.#fleet.add(peers + 1 + n, peers + 2 + n);
      if (n > 10) await this.#fleet.remove(peers + 1 + n - 10);
    }
    for (let n = Math.max(0, total / 2 - 11); n < total / 2; n++) await this.#fleet.remove(peers + 1 + n);
    await this.#fleet.remove(peers + 1);
    await this.#routes.until({ added: 1 });
    result.churnCpu = (cpuOf(pid) - before) / total;
  }

  /** The kernel as no contender left it. */
  #clean(): void {
    execFileSync("nft", ["flush", "ruleset"]);
    try {
      iproute("link", "delete", "flannel.1");
    } catch {
      // There was none.
    }
  }
}

/** Bytes, of all rounds the one in the middle. */
function memoryIn({ memory }: Result, part: keyof Memory): number {
  return median(memory.map((each) => each[part]));
}

function emptyResult(): Result {
  return { startMs: [], memory: [], idle: NaN, changeMs: NaN, changeCpu: NaN, churnCpu: NaN };
}

function startLodend(fleet: Fleet, work: string): Started {
  if (!existsSync(LODEND)) throw new Error("there is no dist/: npm run build");
  const flags = [`--etcd-endpoints=${fleet.server.endpoint}`, "--iface=eth0", `--subnet-file=${work}/subnet.env`];
  return startProcess(LODEND, [...flags, `--state-dir=${work}/state`, "--node-id=bench"]);
}

function startFlanneld(program: string, fleet: Fleet, work: string): Started {
  const flags = [`--etcd-endpoints=${fleet.server.endpoint}`, "--iface=eth0", `--subnet-file=${work}/subnet.env`];
  return startProcess(program, flags);
}

function workDirectory(): Disposable & { readonly path: string } {
  const directory = mkdtempSync(path.join(os.tmpdir(), "loden-bench-"));
  return { path: directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

function report(
  peers: number,
  floor: number,
  results: readonly (readonly [Contender, Result])[],
  { rounds, changes, churnSeconds }: Settings,
): string {
  const ms = (value: number): string => `${grouped(value)} ms`;
  const head = [
    "",
    "start to last object",
    "of ip -batch",
    "resident",
    "own + files'",
    "at most",
    "idle",
    "one change",
    "its CPU",
    "in a storm",
  ];
  const rows = results.map(([{ name }, result]) => [
    name,
    ms(median(result.startMs)),
    `${(median(result.startMs) / floor).toFixed(1)}×`,
    `${grouped(memoryIn(result, "now") / MEBI)} MiB`,
    `${grouped(memoryIn(result, "anonymous") / MEBI)} + ${grouped(memoryIn(result, "file") / MEBI)}`,
    `${grouped(memoryIn(result, "peak") / MEBI)} MiB`,
    `${(result.idle * 100).toFixed(1)} %`,
    `${result.changeMs.toFixed(1)} ms`,
    `${result.changeCpu.toFixed(2)} ms`,
    `${result.churnCpu.toFixed(2)} ms`,
  ]);
  const title = `${grouped(peers)} peers: median of ${rounds} starts; ${changes} changes one by one, then ${CHURN_PER_SECOND} a second for ${churnSeconds} s`;
  return `${title}\n${table([head, ...rows, ["ip -batch", ms(floor)]])}`;
}
