// The invariants of DESIGN §5 (spec/invariants.md has the definitions), each checked at the moment that could break it:
// a write of the store, a change of a kernel, a file, a word of the store client; and all claims after each step.
import { LodenError } from "#spec/errors";
import { parsePreviousSubnetEnv } from "#spec/subnet-env";
import { decodeLease } from "../../daemon/lease/record.ts";
import type { Lease } from "../../daemon/lease/types.ts";
import { presentAddresses } from "../../daemon/lease/whereabouts.ts";
import type { Change } from "../../daemon/reconcile/port.ts";
import type { MemoryRecord } from "../../daemon/store/memory-world.ts";
import type { Snapshot, WatchResult } from "../../daemon/store/port.ts";
import { HEALTHY, type Written } from "./etcd.ts";
import { baseObjects, objectsOf } from "./expected.ts";
import type { Daemon, Machine } from "./machine.ts";
import type { ToldRecord } from "./told.ts";
import { slotKey, type World } from "./world.ts";

export type Rule = "1 owner" | "2 subnet" | "3 peers" | "4 data path" | "5 convergence" | "6 order" | "defect";

export class Violation extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, message: string) {
    super(message);
    this.rule = rule;
  }
}

/** A holder not heard of for this long may be replaced (HEARTBEAT in lease/holder.ts, two and a half times). */
const SILENCE_MS = 150_000;

/** A store tells whole seconds of the life that is left, so that a silence looks up to one longer than it is. */
const READING_MS = 1_000;

/** Silent endpoints are given up after some seconds each, before the last known state is taken for true. */
export const COMING_UP_MS = 40_000;

/** Two nodes with one address find out within a renewal and its answer, or at the next look at one that was silent. */
const NOTICING_MS = 60_000;

/** A conflict that is over is reported for as long as the holder waits before its next try: up to 5 s. */
const TELLING_MS = 6_000;

export class Judge {
  readonly #world: World;
  /** The first violation; the run ends with it. */
  found: Violation | undefined;

  /** Addresses that two live nodes tell and neither complains of, with when that was first seen. */
  readonly #shared = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  violated(rule: Rule, text: string): void {
    if (this.found !== undefined) return;
    this.found = new Violation(rule, text);
    this.#world.trace.add("judge", `VIOLATED ${rule}: ${text}`);
  }

  /** 1: whose record was replaced or removed, and by whom; and who believes in it at that moment. */
  written({ by, key, before, after }: Written): void {
    const { machines, timeline, trace, etcd } = this.#world;
    if (trace.isOn)
      trace.add("store", `${key} ${after === undefined ? "deleted" : `= ${after.value}`} by ${by ?? "hand"}`);
    if (by === undefined) {
      this.#robbed(key, before);
      return;
    }
    const machine = machines.find(({ name }) => name === by)!;
    const node = machine.daemon?.app.status.sources.node;
    // A daemon that died with its request under way wrote for the node that it was.
    if (node === undefined) return;
    const was = before === undefined ? undefined : readable(key, before.value);
    const isItsAddress = was?.publicAddress[4]?.equals(node.publicAddress[4]!) === true;
    if (before !== undefined && was?.nodeId !== node.id) {
      const silence = timeline.now - (etcd.renewed.get(before.lease) ?? timeline.now);
      const owner = was === undefined ? "a record that cannot be read" : (was.nodeId ?? "a node without id");
      const mayTake = isItsAddress && (was.nodeId === undefined || silence >= SILENCE_MS - READING_MS);
      if (!mayTake) {
        const what = after === undefined ? "deleted" : "wrote over";
        this.violated("1 owner", `${by} ${what} ${key}, which was ${owner}'s, renewed ${silence / 1_000} s before`);
      }
    }
    if (after === undefined) return;
    machine.robbedSince = undefined;
    for (const other of machines) {
      if (other !== machine && this.#claimed(other)?.key === key) {
        this.violated("1 owner", `${by} wrote ${key}, and ${other.name} holds it, as it rightly believes`);
      }
    }
  }

  /** A record was removed or replaced by a hand: its holder, or who is about to be, cannot be blamed before it can know. */
  #robbed(key: string, before: MemoryRecord | undefined): void {
    const owner = before === undefined ? undefined : readable(key, before.value)?.nodeId;
    for (const machine of this.#world.machines) {
      const { daemon } = machine;
      const isOwner = owner !== undefined && daemon?.app.status.sources.node?.id === owner;
      if (isOwner || daemon?.held?.lease.key === key) machine.robbedSince = this.#world.timeline.now;
    }
  }

  /** The store was wound back. */
  woundBack(): void {
    for (const machine of this.#world.machines) machine.robbedSince = this.#world.timeline.now;
  }

  /** 1: never two at once. */
  claims(): void {
    const { machines } = this.#world;
    const holders = new Map<string, Machine>();
    for (const machine of machines) {
      this.#takesContainers(machine);
      const key = this.#claimed(machine)?.key;
      if (key === undefined) continue;
      const other = holders.get(key);
      if (other !== undefined) this.violated("1 owner", `${other.name} and ${machine.name} both hold ${key}`);
      holders.set(key, machine);
    }
  }

  /** Two live nodes that tell one address, while nothing keeps them from knowing it: one of them says so. */
  addresses(): void {
    const { machines, etcd, timeline } = this.#world;
    const isWell = etcd.ailment === HEALTHY && etcd.members.every(({ isUp, lagsAt }) => isUp && lagsAt === undefined);
    const seen = new Map<string, string>();
    const shared = new Set<string>();
    for (const { name, line, isPaused, daemon } of machines) {
      const key = daemon?.held?.lease.key;
      const isReached = line.state === "whole" && line.slowness === 0;
      if (key === undefined || !isWell || !isReached || isPaused || daemon?.isStopping === true) continue;
      const record = etcd.truth.now.get(key);
      const lease = record === undefined ? undefined : readable(key, record.value);
      if (lease?.nodeId === undefined || lease.nodeId !== daemon?.app.status.sources.node?.id) continue;
      const address = presentAddresses(lease)[4]?.toString();
      if (address === undefined) continue;
      const other = seen.get(address);
      const isTold = daemon.troubles.has("address") || daemon.troubles.has("lease");
      if (!isTold) seen.set(address, name);
      if (other === undefined || isTold) continue;
      shared.add(address);
      const since = this.#shared.get(address) ?? timeline.now;
      this.#shared.set(address, since);
      if (timeline.now - since > NOTICING_MS) {
        this.violated("1 owner", `${other} and ${name} both tell their peers ${address}, and neither says so`);
      }
    }
    for (const address of this.#shared.keys()) if (!shared.has(address)) this.#shared.delete(address);
  }

  /** Says that it is ready, and so gets containers, a while after it found that another has its subnet. */
  #takesContainers({ daemon, isPaused, name }: Machine): void {
    if (daemon === undefined) return;
    const { now } = this.#world.timeline;
    if (isPaused || !daemon.reportsConflict || !daemon.app.status.isReady) daemon.unfitSince = undefined;
    else if (now - (daemon.unfitSince ??= now) > TELLING_MS) {
      this.violated("1 owner", `${name} is ready for containers, and knows that another has its subnet`);
    }
  }

  /** 4: a daemon that left its state behind has its data path again, whether or not the store answers. */
  cameUp(daemon: Daemon): void {
    const { machine } = daemon;
    const { ailment, isFull, changedAt, timeline } = this.#world.etcd;
    // A store that answers and takes no writes is waited for: the lease of before may be another's by now.
    if (ailment !== HEALTHY || isFull) return;
    const left = changedAt + COMING_UP_MS - timeline.now;
    if (changedAt > 0 && left > 0) {
      timeline.after(left, () => this.cameUp(daemon));
      return;
    }
    // After a reboot no container is in the subnet of before: when that is another's, one that is free is waited for.
    if (daemon.troubles.has("lease")) return;
    if (machine.containers === undefined && isKnownToBeAnothers(daemon, machine.remembered)) return;
    if (machine.daemon !== daemon || machine.isPaused || daemon.isStopping || daemon.held !== undefined) return;
    const text = `${machine.name} has no lease ${COMING_UP_MS / 1_000} s after its start, and has the state of before`;
    this.violated("4 data path", text);
  }

  /** The lease that it holds for certain by its own clock, and without reporting that somebody else has it. */
  #claimed(machine: Machine): Lease | undefined {
    const { daemon } = machine;
    if (daemon === undefined || machine.isPaused || daemon.isStopping || machine.robbedSince !== undefined) {
      return undefined;
    }
    const { held } = daemon;
    if (held === undefined || daemon.reportsConflict) return undefined;
    if (held.deadline === undefined) return held.lease;
    // From a certain silence on a node with its address may take it for gone, however long the lease would live.
    const life = this.#world.setup.ttlSeconds * 1_000;
    const certainUntil = held.deadline - life + Math.min(life, SILENCE_MS - READING_MS);
    return certainUntil <= this.#world.timeline.now - machine.bootedAt ? undefined : held.lease;
  }

  /** A subnet that was released lately is taken while there is none that was not. */
  chosen(daemon: Daemon, key: string, { entries, released = [] }: Snapshot): void {
    const { setup } = this.#world;
    const marked = new Set(released.map((mark) => mark.key));
    const isOwn = daemon.held?.lease.key === key || isRemembered(daemon.machine, key);
    if (isOwn || !marked.has(key)) return;
    const taken = new Set(entries.map((entry) => entry.key));
    for (let slot = 1; slot <= setup.slots; slot++) {
      const other = slotKey(slot);
      if (taken.has(other) || marked.has(other)) continue;
      this.violated("6 order", `${daemon.name} takes ${key}, released lately, and ${other} is free`);
    }
  }

  /** 2: a file that names another subnet than the one containers run in. */
  fileWritten({ machine }: Daemon, file: string, text: string): void {
    machine.files.set(file, text);
    if (!file.endsWith(".env")) return;
    const subnet = parsePreviousSubnetEnv(text).subnet[4] ?? "no subnet";
    this.#world.trace.add(machine.name, `writes its subnet file: ${subnet}`);
    if (machine.containers !== undefined && subnet !== machine.containers) {
      this.violated("2 subnet", `${machine.name} has containers in ${machine.containers}, and now says ${subnet}`);
    }
    machine.containers = subnet;
  }

  /** 3: what the store client says is what the store held. */
  told(daemon: Daemon, result: WatchResult, records: ReadonlyMap<string, ToldRecord> | undefined): void {
    const { trace, etcd } = this.#world;
    if (trace.isOn) trace.add(daemon.name, `is told ${summary(result)}`);
    if (records === undefined) this.violated("3 peers", `${daemon.name} was told events before a snapshot`);
    else if (!etcd.truth.held(result.revision, records)) {
      const keys = [...records.keys()].join(" ") || "nothing";
      this.violated(
        "3 peers",
        `${daemon.name} was told that the store at ${result.revision} holds ${keys}; it never did`,
      );
    }
  }

  /** 3 and 4: what goes, and why. */
  applies(daemon: Daemon, changes: readonly Change[]): void {
    const { timeline, setup } = this.#world;
    if (daemon.isDead) this.violated("4 data path", `${daemon.name} changes its kernel after its end`);
    for (const change of changes) {
      if (change.type !== "remove") continue;
      const { key } = change.actual;
      if (baseObjects(daemon)?.has(key) === true) {
        this.violated("4 data path", `${daemon.name} removes ${key}, which it needs for itself`);
      }
      const { records, missed } = daemon.told;
      if (records === undefined) {
        this.violated("3 peers", `${daemon.name} removes ${key} before it knows any lease`);
        continue;
      }
      for (const [lease, { readable: value, since }] of missed) {
        const read = readable(lease, value);
        const age = timeline.now - since;
        if (age < setup.ttlSeconds * 1_000 && read !== undefined && objectsOf(daemon, read).has(key)) {
          const text = `${daemon.name} removes ${key}; a restored store lacks ${lease}, which nobody has seen deleted`;
          this.violated("3 peers", text);
        }
      }
      for (const [lease, { readable: value }] of records) {
        const read = value === undefined ? undefined : readable(lease, value);
        if (read !== undefined && objectsOf(daemon, read).has(key))
          this.violated("3 peers", `${daemon.name} removes ${key}, and lease ${lease} stands`);
      }
    }
  }

  daemonFailed(daemon: Daemon, error: Error): void {
    if (error instanceof LodenError && error.code !== "ERR_INTERNAL") return;
    this.violated("defect", `the daemon of ${daemon.name} ended with ${error.stack ?? error.message}`);
  }
}

/** It had that subnet before. */
function isRemembered({ files, containers }: Machine, key: string): boolean {
  const subnet = key.replace("-", "/");
  const own = subnet.replace(".0/", ".1/");
  return containers === subnet || [...files.values()].some((text) => text.includes(key) || text.includes(own));
}

/** The daemon has heard of somebody else's record in the place of a lease. */
function isKnownToBeAnothers({ told }: Daemon, lease: Lease | undefined): boolean {
  const value = lease && told.value(lease.key);
  return value !== undefined && readable(lease!.key, value)?.nodeId !== lease!.nodeId;
}

const read = new Map<string, Lease | undefined>();

/** Many records are looked at again and again, and few differ. */
const REMEMBERED = 10_000;

/** The lease that a record is; undefined for one that cannot be read. */
export function readable(key: string, value: string): Lease | undefined {
  const record = `${key} ${value}`;
  if (read.has(record)) return read.get(record);
  if (read.size > REMEMBERED) read.clear();
  let lease: Lease | undefined;
  try {
    lease = decodeLease(key, value);
  } catch {
    lease = undefined;
  }
  read.set(record, lease);
  return lease;
}

function summary(result: WatchResult): string {
  if (result.type === "snapshot") {
    return `snapshot at ${result.revision}: ${result.entries.map(({ key }) => key).join(" ") || "no leases"}`;
  }
  const events = result.events.map((event) => (event.type === "put" ? `+${event.entry.key}` : `-${event.key}`));
  return `events up to ${result.revision}: ${events.join(" ")}`;
}
