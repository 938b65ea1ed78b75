// A machine of a simulation: what outlives its daemon (kernel, files, containers, address, clocks), and the daemon that
// runs on it, which is the real one from createApp down to the kernel, store and file ports.
import type { Sys } from "#kernel/sys";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { ROUTE_PROTOCOL } from "#kernel/netlink/route-types";
import { Prefix } from "#kernel/ip/prefix";
import { type App, createApp } from "../../daemon/app.ts";
import type { Clock } from "../../daemon/clock.ts";
import type { Log, LogFields } from "../../daemon/log.ts";
import { decodeState } from "../../daemon/life/last-state.ts";
import { DrainRequest } from "../../daemon/life/release.ts";
import { decodeLease } from "../../daemon/lease/record.ts";
import type { Lease } from "../../daemon/lease/types.ts";
import type { HostView } from "../../daemon/node/interface.ts";
import type { OnHostChange } from "../../daemon/node/watch.ts";
import { type Options, readInvocation } from "../../daemon/options.ts";
import { FakeKernel } from "../../daemon/reconcile/fake.ts";
import { EtcdSubnetStore } from "../../daemon/store/etcd/subnet-store.ts";
import type { SubnetStore } from "../../daemon/store/port.ts";
import { PREFIX } from "./etcd.ts";
import { COMING_UP_MS } from "./judge.ts";
import { DaemonKernel } from "./daemon-kernel.ts";
import { Told } from "./told.ts";
import type { Line, Receiver } from "./network.ts";
import type { SeededRandom } from "./random.ts";
import type { World } from "./world.ts";

/** The interface to other hosts. No such name on a real machine: nothing of the machine that simulates shows through. */
export const UNDERLAY = "sim0";

/** Where the subnet file would be; what stands there is kept in memory. */
const SUBNET_FILE = "/tmp/loden-simulated.env";

/** The names under which a daemon tells that its lease, or one that it wants, is another's. */
const CONFLICTS = ["lease", "lease-renewal"];

/** On a disk: what stands there outlives a reboot. */
const STATE_DIRECTORY = "/var/lib/loden-simulated";

const UNDERLAY_INDEX = 2;

/** Milliseconds until a service manager starts a daemon again that ended by itself. */
const RESTART_MS = 2_000;

export class Machine {
  readonly number: number;
  readonly name: string;
  readonly world: World;
  readonly line: Line;
  readonly random: SeededRandom;
  address: Address;
  kernel = new FakeKernel([UNDERLAY]);
  readonly files = new Map<string, string>();
  /** The subnet that containers run in; absent while there are none. */
  containers: string | undefined;
  daemon: Daemon | undefined;
  isPaused = false;
  /** Notifications of the kernel get lost, until it says so. */
  isDeaf = false;
  /** Milliseconds that its wall clock is ahead. */
  wallOffset = 0;
  readonly bootedAt: number;
  /** How many boots there were. */
  boots = 1;
  /** The record was taken away by a hand, and the daemon may not know yet: since when. */
  robbedSince: number | undefined;
  #parked: (() => void)[] = [];
  readonly #watchers = new Set<readonly [Daemon, OnHostChange]>();

  constructor(world: World, number: number, line: Line, random: SeededRandom) {
    this.world = world;
    this.number = number;
    this.name = `n${number}`;
    this.line = line;
    this.random = random;
    this.address = underlay(number);
    this.bootedAt = world.timeline.now;
  }

  /** Runs it when the machine's processor does. */
  run(what: () => void): void {
    if (this.isPaused) this.#parked.push(what);
    else what();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    for (const what of this.#parked.splice(0)) this.world.timeline.after(0, () => this.run(what));
  }

  start(): void {
    if (this.daemon !== undefined) return;
    this.daemon = new Daemon(this);
    this.daemon.begin();
  }

  /** SIGTERM. */
  stop(): void {
    this.daemon?.stop();
  }

  /** Its containers move elsewhere, and then `loden drain`: the lease is given back, and the daemon ends. */
  drain(): void {
    this.containers = undefined;
    this.daemon?.stop(new DrainRequest());
  }

  /** SIGKILL: nothing that it began goes on. */
  kill(): void {
    this.daemon?.die();
    this.daemon = undefined;
  }

  /** Power off and on: the kernel's state and the containers are gone, and what a tmpfs held. */
  reboot(losesFiles: boolean): void {
    this.kill();
    this.resume();
    this.kernel = new FakeKernel([UNDERLAY]);
    this.containers = undefined;
    this.boots += 1;
    if (!losesFiles) return;
    for (const file of this.files.keys()) if (!file.startsWith(STATE_DIRECTORY)) this.files.delete(file);
  }

  /** The lease of an earlier run, if the state directory has one that can be read. */
  get remembered(): Lease | undefined {
    const [, text = ""] = [...this.files].find(([file]) => file.startsWith(STATE_DIRECTORY)) ?? [];
    try {
      const { lease } = decodeState(text, PREFIX);
      return lease === null ? undefined : decodeLease(lease.key, lease.value);
    } catch {
      return undefined;
    }
  }

  /** The underlay's address changes, and the kernel tells. */
  readdress(address: Address): void {
    this.address = address;
    for (const [daemon, onChange] of this.#watchers) daemon.run(() => onChange(UNDERLAY_INDEX));
  }

  watchHost(daemon: Daemon, onChange: OnHostChange): Disposable {
    const watcher = [daemon, onChange] as const;
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  hostView(): HostView {
    const lan = Prefix.of(this.address, 24);
    const mac = Mac.fromBytes(Uint8Array.of(2, 0, 0, 0, 0, this.number));
    return {
      links: [{ index: UNDERLAY_INDEX, name: UNDERLAY, mtu: 1500, mac, flags: 0, up: true, type: 1, operState: 6 }],
      addresses: [{ index: UNDERLAY_INDEX, address: lan, flags: 0x80 }],
      routes: [
        { destination: Prefix.parse("0.0.0.0/0"), gateway: Address.parse("192.168.0.1"), oif: UNDERLAY_INDEX },
        { destination: lan.masked, oif: UNDERLAY_INDEX, protocol: ROUTE_PROTOCOL.kernel },
      ],
    };
  }
}

/** The address of machine `number`. */
export function underlay(number: number): Address {
  return Address.parse(`192.168.0.${10 + number}`);
}

/** One run of lodend. */
export class Daemon implements Receiver {
  readonly machine: Machine;
  readonly name: string;
  readonly app: App;
  readonly options: Options;
  readonly told: Told;
  isDead = false;
  isStopping = false;
  /** It has been ready in spite of a conflict since then. */
  unfitSince: number | undefined;
  /** What it reports as wrong, code by name. */
  readonly troubles = new Map<string, string>();
  readonly #stop = new AbortController();
  readonly #store: SubnetStore;

  constructor(machine: Machine) {
    this.machine = machine;
    this.name = machine.name;
    const { world } = machine;
    const { setup, mutation, timeline, etcd } = world;
    const random = machine.random.stream(`daemon at ${timeline.now}`);
    const clock = new DaemonClock(this);
    const store = new EtcdSubnetStore({
      endpoints: etcd.members.map(({ url }) => url),
      prefix: PREFIX,
      clock,
      random,
      limits: { page: setup.page },
      connect: machine.line.connector(this),
      ...mutation.etcdOptions?.(machine.line.connector(this)),
    });
    this.#store = mutation.store?.(store) ?? store;
    this.told = new Told(this, this.#store);
    this.options = {
      ...options(setup.resyncSeconds),
      leaseTtlSeconds: setup.ttlSeconds,
      stateDirectory: STATE_DIRECTORY,
    };
    this.app = createApp(this.options, {
      sys: NO_LOCKS,
      store: mutation.heard?.(this.told.store) ?? this.told.store,
      clock,
      random,
      files: {
        read: (file) => mutation.read?.(machine.files.get(file)) ?? machine.files.get(file),
        // What a daemon that was killed would have done it does not do.
        replace: (file, text) => this.isDead || world.judge.fileWritten(this, file, text),
        remove: (file) => this.isDead || machine.files.delete(file),
      },
      log: this.#log(),
      readHost: () => machine.hostView(),
      watchHost: (onChange) => machine.watchHost(this, onChange),
      machineId: machine.name,
      bootId: `${machine.name}-${machine.boots}`,
      openKernel: () => new DaemonKernel(this),
      serviceManager: { watchdogInterval: undefined, notify: () => undefined },
    });
  }

  begin(): void {
    const { world, address } = this.machine;
    world.trace.add(this.name, "lodend starts");
    if (this.machine.remembered?.publicAddress[4]?.equals(address) === true) {
      world.timeline.after(COMING_UP_MS, () => world.judge.cameUp(this));
    }
    this.app.run(this.#stop.signal).then(
      () => this.#ended(undefined),
      (error: unknown) => this.#ended(error as Error),
    );
  }

  /** Runs it unless the daemon is dead; later while its machine is paused. */
  run(what: () => void): void {
    if (this.isDead) return;
    if (this.machine.isPaused) this.machine.run(() => this.run(what));
    else what();
  }

  stop(reason?: Error): void {
    this.isStopping = true;
    this.run(() => this.#stop.abort(reason));
  }

  die(): void {
    this.isDead = true;
    void this.#store.close();
  }

  /** The lease it holds as far as it knows, and until when on its own clock. */
  get held() {
    return this.app.status.sources.lease?.();
  }

  /** It says loudly that somebody else has its subnet. */
  get reportsConflict(): boolean {
    if (this.troubles.size === 0) return false;
    return CONFLICTS.some((name) => this.troubles.get(name) === "ERR_LEASE_CONFLICT");
  }

  #ended(error: Error | undefined): void {
    if (this.isDead) return;
    const { machine } = this;
    const { world } = machine;
    world.trace.add(this.name, error === undefined ? "lodend has stopped" : `lodend ends: ${error.message}`);
    if (error !== undefined) world.judge.daemonFailed(this, error);
    this.die();
    if (machine.daemon === this) machine.daemon = undefined;
    if (error === undefined) return;
    world.timeline.after(RESTART_MS, () => {
      if (machine.daemon === undefined) machine.run(() => machine.start());
    });
  }

  #log(): Log {
    const { trace } = this.machine.world;
    const line =
      (level: string) =>
      (fields: LogFields, message: string): void => {
        const { key, code } = fields;
        if (key !== undefined && code !== undefined) {
          if (message.startsWith("over: ")) this.troubles.delete(key);
          else this.troubles.set(key, code);
        }
        if (trace.isOn && level !== "debug") trace.add(this.name, `${level} ${message}${shown(fields)}`);
      };
    const log: Log = {
      trace: () => undefined,
      debug: line("debug"),
      info: line("info"),
      warn: line("warn"),
      error: line("error"),
      child: () => log,
    };
    return log;
  }
}

function shown({ lease, err, count, key }: LogFields): string {
  const error = err instanceof Error ? err.message : undefined;
  const parts = Object.entries({ lease, error, count, key }).filter(([, value]) => value !== undefined);
  return parts.length === 0 ? "" : ` {${parts.map(([name, value]) => `${name}: ${String(value)}`).join(", ")}}`;
}

/** The machine's clocks, for one daemon: sleepers wake late on a paused machine, and never in a dead daemon. */
class DaemonClock implements Clock {
  readonly #daemon: Daemon;

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  monotonic(): number {
    const { world, bootedAt } = this.#daemon.machine;
    return world.timeline.now - bootedAt;
  }

  wall(): number {
    const { world, wallOffset } = this.#daemon.machine;
    return WALL_START + world.timeline.now + wallOffset;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        timer.cancelled = true;
        reject(signal?.reason as Error);
      };
      // Timers of Node count whole milliseconds, at least one.
      const timer = this.#daemon.machine.world.timeline.after(Math.max(1, Math.ceil(ms)), () =>
        this.#daemon.run(() => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        }),
      );
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}

/** 2026-01-01T00:00:00Z */
const WALL_START = 1_767_225_600_000;

/** Only the lock of the subnet file asks for system calls, and a machine here never runs two daemons. */
const NO_LOCKS = { open: () => 3, flock: () => undefined, close: () => undefined } as unknown as Sys;

const parsed = new Map<number, ReturnType<typeof parse>>();

function options(resyncSeconds: number) {
  const found = parsed.get(resyncSeconds) ?? parse(resyncSeconds);
  parsed.set(resyncSeconds, found);
  return found;
}

function parse(resyncSeconds: number) {
  const args = [`--etcd-prefix=${PREFIX}`, `--subnet-file=${SUBNET_FILE}`, `--iptables-resync=${resyncSeconds}`];
  const invocation = readInvocation(args, {});
  if (invocation.action !== "run") throw new Error("the options of the simulated daemon do not run it");
  return invocation.options;
}
