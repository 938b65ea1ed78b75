// The daemon's life: configuration, interface, backend, lease, peers, kernel, subnet file, and then keeping all of it as
// it should be until a signal comes. What waiting can help is waited for, visibly; what it cannot ends the daemon with
// the reason. Nothing is taken down at the end: containers go on talking.
import type { ServiceManager } from "#kernel/notify";
import type { StateDocument } from "#spec/state-document";
import { statusPaths } from "#spec/status";
import type { Sys } from "#kernel/sys";
import type { Files } from "./atomic-file.ts";
import type { Clock, Random } from "./clock.ts";
import { neighbourLimits, neighbourRank } from "./backend/neighbour-limits.ts";
import type { RunCommand } from "./backend/extension/command.ts";
import type { ExtensionRunner } from "./backend/extension/runner.ts";
import { beginWith, outgoingOf } from "./life/backends.ts";
import { extensionRunner, prepareNode } from "./life/prepare.ts";
import { extrasOptions } from "./life/readiness.ts";
import { AddressGuard } from "./lease/address-guard.ts";
import { PeerTable } from "./lease/peers.ts";
import type { LeaseHolder } from "./lease/holder.ts";
import { ReleaseMarker } from "./lease/release-marks.ts";
import type { Node } from "./lease/types.ts";
import { serveHealth } from "./life/serve-health.ts";
import { type FirewallView, type FirewallWatchParts, watchFirewalls } from "./life/firewall-watch.ts";
import { FabricKeeper, type Setup } from "./life/fabric-keeper.ts";
import { follow, type LeaseSink } from "./life/follow.ts";
import { type LastState, readLastState, StateKeeper } from "./life/last-state.ts";
import { keepProbing, type OpenEcho } from "./life/probing.ts";
import { keepReady, ReconcileJournal, startReconciler } from "./life/readiness.ts";
import { DrainRequest, releaseLease } from "./life/release.ts";
import { awaitLease, awaitNetwork, awaitNode, lastStateOf, prepareBackend, type Tenure } from "./life/startup.ts";
import type { Log } from "./log.ts";
import { familiesOf, type HostView } from "./node/interface.ts";
import type { OnHostChange } from "./node/watch.ts";
import type { Options } from "./options.ts";
import { type Marks, ownershipMarks } from "./reconcile/marks.ts";
import type { Kernel } from "./reconcile/port.ts";
import type { Reconciler } from "./reconcile/reconciler.ts";
import { stateDocument } from "./state-document.ts";
import { StatusBoard, takeLock } from "./status-board.ts";
import type { SubnetStore } from "./store/port.ts";
import type { Entry } from "./store/port.ts";
import { Troubles } from "./troubles.ts";

/** Everything outside that the daemon touches. */
export interface AppPorts {
  readonly sys: Sys;
  readonly store: SubnetStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly log: Log;
  /** Links, addresses and routes of the host, and the answer for --iface-can-reach. */
  readonly readHost: () => HostView;
  /** Tells of changes to what readHost tells. Absent: the host is read at the start alone. */
  readonly watchHost?: (onChange: OnHostChange) => Disposable;
  readonly machineId: string;
  readonly bootId: string;
  readonly openKernel: (marks: Marks) => Kernel;
  /** Why this host's kernel cannot be the udp backend's data path. Absent: it can. */
  readonly kernelDatapathObstacle?: () => string | undefined;
  /** Sends echo requests. Absent: nobody is probed. */
  readonly openEcho?: OpenEcho;
  readonly serviceManager: ServiceManager;
  /** Lets others ask for the view of the kernel, at a path, until it is disposed of. Absent: nobody can. */
  readonly serveState?: (path: string, document: () => StateDocument) => Disposable;
  /** This host's other firewalls. Absent: nobody looks at them. */
  readonly openFirewallView?: (marks: Marks) => FirewallView;
  /** Runs the extension backend's commands; absent: through sh. */
  readonly runCommand?: RunCommand;
}

/** What the steps of the daemon's life share. */
export interface AppContext {
  readonly options: Options;
  readonly ports: AppPorts;
  readonly log: Log;
  readonly status: StatusBoard;
  readonly troubles: Troubles;
}

export interface App {
  readonly status: StatusBoard;
  /** Runs until `signal` aborts, then resolves. Rejects with what ends the daemon. Once only. */
  run(signal: AbortSignal): Promise<void>;
}

export function createApp(options: Options, ports: AppPorts): App {
  const log = ports.log.child({ component: "app" });
  const troubles = new Troubles(ports.clock, log, () => status.changed());
  const sources = { bootId: ports.bootId, subnetFile: options.subnetFile, storeName: ports.store.name };
  const status: StatusBoard = new StatusBoard(sources, ports.files, ports.clock, log, troubles);
  const context: AppContext = { options, ports, log, status, troubles };
  return { status, run: (signal) => run(context, signal) };
}

async function run(context: AppContext, signal: AbortSignal): Promise<void> {
  const { options, ports, status, log } = context;
  using _lock = takeLock(ports.sys, options.subnetFile);
  const held: Held = {};
  try {
    await live(context, held, signal);
  } catch (error) {
    // Whatever a wait says when it is cut short: the signal is why.
    if (!signal.aborted) {
      status.end("failed", error);
      throw error;
    }
  }
  ports.serviceManager.notify({ stopping: true });
  await held.commands;
  if (held.holder !== undefined && (await releaseLease(context, held.holder, signal.reason instanceof DrainRequest))) {
    await held.extension?.shutDown(new AbortController().signal);
  }
  held.state?.write();
  status.end("stopped");
  log.info({}, "stopped on request; the data path stays, and so do subnet file and lease unless they were given back");
}

/** What is to be ended in order. */
interface Held {
  holder?: LeaseHolder;
  state?: StateKeeper;
  extension?: ExtensionRunner | undefined;
  /** Resolves when no command runs any more, after the signal. */
  commands?: Promise<void>;
}

async function live(context: AppContext, held: Held, signal: AbortSignal): Promise<void> {
  const { options, ports, status, log, troubles } = context;
  await using _server = options.health === undefined ? undefined : await serveHealth(context, options.health);
  const { setup, tenure, last, isLastKnown } = await settleIn(context, signal);
  const { holder, claimant, lease } = tenure;
  held.holder = holder;

  const journal = new ReconcileJournal(context);
  const marker = new ReleaseMarker(ports);
  const peers = new PeerTable(lease.key, ports.log.child({ component: "peers" }));
  const onTrouble = (error: Error | undefined): void => troubles.report("address", error);
  const guard = new AddressGuard(claimant, { ...ports, peers, onTrouble });
  const marks = new LiveMarks(options.etcd.prefix, () => fabric.setup);
  const state = new StateKeeper(context, () => stateOf(context, fabric, holder, peers));
  held.state = state;
  const onChange = (): void => {
    state.changed();
    // The subnet file tells of what the kernel holds, so it comes after it.
    void reconciler.settled().then(() => {
      if (!alive.aborted) journal.onSubnetFile();
    });
  };
  const extras = extrasOptions(options, marks.marks);
  const outgoing = outgoingOf(last, setup);
  const fabric: FabricKeeper = new FabricKeeper(context, setup, {
    holder,
    claimant,
    peers,
    guard,
    extras,
    outgoing,
    onChange,
  });
  status.sources.peers = () => peers;
  status.enter("peers", "waiting for the list of the other nodes' leases");
  // When one part breaks off, the others end with it, and with its reason.
  const broken = new AbortController();
  const alive = AbortSignal.any([signal, broken.signal]);
  const reconciler = startReconciler(context, marks.marks, fabric.fabric(), journal, alive);
  fabric.start(reconciler, alive);
  using _view = ports.serveState?.(statusPaths(options.subnetFile).socket, () =>
    stateDocument(
      { source: "lodend", nodeId: fabric.setup.node.id },
      reconciler.inspect(),
      reconciler.state(),
      status.sources.traffic?.(),
    ),
  );
  const extension = extensionRunner(context, () => fabric.setup, lease);
  held.extension = extension;
  const sink = extension === undefined ? reconciler : both(reconciler, extension);
  const peersKnown = Promise.withResolvers<void>();
  marker.remember(last?.peers.map(([key]) => key) ?? []);
  if (isLastKnown && last !== undefined) {
    // Added, not taken for all there are: the kernel may have more, and they may be right.
    peers.apply({ type: "snapshot", revision: 0n, config: undefined, entries: last.peers.map(entryOf) });
    for (const peer of peers.leases()) sink.putLease(peer);
    peersKnown.resolve();
  }
  log.debug({ file: options.subnetFile }, "the subnet file is written when the data path stands");
  const onFollowed = (): void => {
    state.changed();
    makeRoom();
  };
  const makeRoom = roomMaker(reconciler, peers, () => fabric.setup);
  const followers = { holder, peers, marker, guard, reconciler: sink, fabric, onChange: onFollowed };
  const tended = {
    reconciler,
    journal,
    holder,
    guard,
    subnetFile: () => fabric.subnetFile,
    onAddressKnown: () => fabric.tellAddress(),
  };
  const firewall = firewallParts(context, fabric, marks.marks);
  held.commands = extension?.keep(alive) ?? Promise.resolve();
  const parts = [
    follow(context, followers, () => peersKnown.resolve(), alive),
    holder.keep(alive),
    ...(firewall === undefined ? [] : [watchFirewalls(context, firewall, alive)]),
    keepProbing(context, { peers, setup: () => fabric.setup }, alive),
    marker.keep(alive),
    guard.keep(alive),
    Promise.all([peersKnown.promise, extension?.started]).then(() => keepReady(context, tended, alive)),
    held.commands,
    state.keep(alive),
    feedWatchdog(ports, alive),
  ];
  try {
    await Promise.race([Promise.all(parts), aborted(alive)]);
  } catch (error) {
    broken.abort(error);
    throw error;
  }
}

/** What the node begins its life in the fabric with. */
interface Settled {
  readonly setup: Setup;
  readonly tenure: Tenure;
  readonly last: LastState | undefined;
  /** The store does not answer, and `last` is all there is for now. */
  readonly isLastKnown: boolean;
}

/** Network, interface, backend, lease: from the store, or from the last known state while that is away. */
async function settleIn(context: AppContext, signal: AbortSignal): Promise<Settled> {
  const { status } = context;
  let last = readLastState(context);
  let origin = await awaitNetwork(context, last, signal);
  status.sources.network = origin.network;
  let unleased = await awaitNode(context, origin.network, signal);
  last = last && lastStateOf(context, last, unleased);
  if (last === undefined && origin.isLastKnown) {
    origin = await awaitNetwork(context, undefined, signal);
    status.sources.network = origin.network;
    unleased = await awaitNode(context, origin.network, signal);
  }
  const { isLastKnown } = origin;
  const isBoot = last?.bootId !== context.ports.bootId;
  const { network, configText } = last === undefined || isBoot ? origin : beginWith(origin, unleased, last);
  status.sources.network = network;
  for (;;) {
    status.sources.node = unleased;
    unleased = await prepareNode(context, network, unleased, last, signal);
    const backend = prepareBackend(context, network, unleased);
    const tenure = await untilHostChanges(context, unleased, signal, (scope) =>
      awaitLease(context, { ...origin, network }, unleased, backend, last, scope),
    );
    if (tenure === undefined) {
      unleased = await awaitNode(context, network, signal);
      continue;
    }
    const node: Node = { ...unleased, subnet: tenure.lease.subnet };
    status.sources.node = node;
    const isAssumed = isLastKnown || tenure.holder.isAssumed;
    return { setup: { network, node, backend, configText }, tenure, last, isLastKnown: isAssumed };
  }
}

/**
 * Breaks the wait off, with undefined, when the host's interface or addresses change: who waits because another node has
 * this one's address is told to change it.
 */
async function untilHostChanges<T>(
  { ports }: AppContext,
  { link }: Node,
  signal: AbortSignal,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const changed = new AbortController();
  using _watch = ports.watchHost?.((index, destination) => {
    if (index === undefined ? destination === undefined || destination.length === 0 : index === link.index)
      changed.abort();
  });
  try {
    return await wait(AbortSignal.any([signal, changed.signal]));
  } catch (error) {
    if (signal.aborted || !changed.signal.aborted) throw error;
    return undefined;
  }
}

function firewallParts(
  { ports, status }: AppContext,
  fabric: FabricKeeper,
  marks: Marks,
): FirewallWatchParts | undefined {
  const view = ports.openFirewallView?.(marks);
  if (view === undefined) return undefined;
  status.sources.dropped = () => view.dropped();
  return { view, setup: () => fabric.setup, onAccepts: (accepts) => fabric.takeAccepts(accepts) };
}

/** The marks of this daemon, whose networks are those of the configuration in force. */
class LiveMarks {
  readonly marks: Marks;

  constructor(prefix: string, setup: () => Setup) {
    this.marks = Object.defineProperty({ ...ownershipMarks(prefix, []) }, "networks", {
      get: () => {
        const { ranges } = setup().network;
        return familiesOf(ranges).map((family) => ranges[family]!.network);
      },
    });
  }
}

/** Makes room in the kernel's tables when there are many more peers than before. */
function roomMaker(reconciler: Reconciler, peers: PeerTable, setup: () => Setup): () => void {
  let rank = 0;
  return () => {
    const next = neighbourRank(peers.size);
    // Not lowered: entries of peers that went may live on for a while.
    if (next <= rank) return;
    rank = next;
    reconciler.setLimits(neighbourLimits(rank, familiesOf(setup().network.ranges)));
  };
}

/** Tells two of each lease. */
function both(...sinks: readonly LeaseSink[]): LeaseSink {
  return {
    replaceLeases: (leases) => sinks.forEach((sink) => sink.replaceLeases(leases)),
    putLease: (lease) => sinks.forEach((sink) => sink.putLease(lease)),
    deleteLease: (key) => sinks.forEach((sink) => sink.deleteLease(key)),
  };
}

function entryOf([key, value]: readonly [string, string]): Entry {
  return { key, value, modRevision: 0n, createRevision: 0n, lease: 0n };
}

function stateOf(
  { options, ports }: AppContext,
  { setup, kept }: FabricKeeper,
  { held }: LeaseHolder,
  peers: PeerTable,
): Omit<LastState, "written"> {
  const lease =
    held === undefined ? null : { key: held.lease.key, value: held.value, reserved: held.deadline === undefined };
  return {
    prefix: options.etcd.prefix,
    nodeId: setup.node.id,
    bootId: ports.bootId,
    ...kept,
    lease,
    peers: [...peers.records()].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  };
}

/** Rejects when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

/** systemd's WatchdogSec=: a loop that hangs sends nothing, and is restarted. */
async function feedWatchdog({ serviceManager, clock }: AppPorts, signal: AbortSignal): Promise<void> {
  const interval = serviceManager.watchdogInterval;
  if (interval === undefined) return;
  while (!signal.aborted) {
    serviceManager.notify({ watchdog: true });
    await clock.sleep(interval, signal).catch(() => undefined);
  }
}
