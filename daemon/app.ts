// The daemon's life: configuration, interface, backend, lease, peers, kernel, subnet file, and then keeping all of it as
// it should be until a signal comes. What waiting can help is waited for, visibly; what it cannot ends the daemon with
// the reason. Nothing is taken down at the end: containers go on talking.
import type { ServiceManager } from "#kernel/notify";
import type { Sys } from "#kernel/sys";
import type { Files } from "./atomic-file.ts";
import type { Clock, Random } from "./clock.ts";
import { startHealthServer } from "./health/server.ts";
import { PeerTable } from "./lease/peers.ts";
import type { Node } from "./lease/types.ts";
import { follow } from "./life/follow.ts";
import { keepReady, ReconcileJournal, type ReconcilerSetup, startReconciler } from "./life/readiness.ts";
import { awaitLease, awaitNetwork, awaitNode, prepareBackend } from "./life/startup.ts";
import type { Log } from "./log.ts";
import type { HostView } from "./node/interface.ts";
import type { Options } from "./options.ts";
import type { Marks } from "./reconcile/marks.ts";
import type { Kernel } from "./reconcile/port.ts";
import { StatusBoard, takeLock } from "./status-board.ts";
import type { SubnetStore } from "./store/port.ts";
import { subnetFileText } from "./subnet-file.ts";
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
  readonly machineId: string;
  readonly bootId: string;
  readonly openKernel: (marks: Marks) => Kernel;
  readonly serviceManager: ServiceManager;
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
  try {
    await live(context, signal);
  } catch (error) {
    // Whatever a wait says when it is cut short: the signal is why.
    if (!signal.aborted) {
      status.end("failed", error);
      throw error;
    }
  }
  ports.serviceManager.notify({ stopping: true });
  status.end("stopped");
  log.info({}, "stopped on request; the data path, the subnet file and the lease stay");
}

async function live(context: AppContext, signal: AbortSignal): Promise<void> {
  const { options, ports, status, log } = context;
  await using _server = options.health === undefined ? undefined : await serveHealth(context, options.health);
  const network = await awaitNetwork(context, signal);
  status.sources.network = network;
  const unleased = await awaitNode(context, network, signal);
  status.sources.node = unleased;
  const backend = prepareBackend(context, network, unleased);
  const { holder, lease } = await awaitLease(context, network, unleased, backend, signal);
  const node: Node = { ...unleased, subnet: lease.subnet };
  status.sources.node = node;

  const setup: ReconcilerSetup = { network, node, backend };
  const journal = new ReconcileJournal(context);
  const peers = new PeerTable(lease.key, ports.log.child({ component: "peers" }));
  status.sources.peers = () => peers;
  status.enter("peers", "waiting for the list of the other nodes' leases");
  // When one part breaks off, the others end with it, and with its reason.
  const broken = new AbortController();
  const alive = AbortSignal.any([signal, broken.signal]);
  const reconciler = startReconciler(context, setup, journal, alive);
  const peersKnown = Promise.withResolvers<void>();
  const subnetFile = subnetFileText(network, lease.subnet, backend.mtu(node), options.ipMasq);
  log.debug({ file: options.subnetFile }, "the subnet file is written when the data path stands");
  const parts = [
    follow(context, { holder, peers, reconciler }, () => peersKnown.resolve(), alive),
    holder.keep(alive),
    peersKnown.promise.then(() => keepReady(context, { reconciler, journal, subnetFile }, alive)),
    feedWatchdog(ports, alive),
  ];
  try {
    await Promise.race([Promise.all(parts), aborted(alive)]);
  } catch (error) {
    broken.abort(error);
    throw error;
  }
}

async function serveHealth(
  { status, log }: AppContext,
  listen: NonNullable<Options["health"]>,
): Promise<AsyncDisposable> {
  const server = await startHealthServer(listen, () => status.document());
  log.info({ listen: `${listen.address} port ${server.port}` }, "the health server listens");
  return server;
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
