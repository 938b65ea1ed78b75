// The steps from nothing to a lease. Each waits for what it needs, and tells the status what it waits for.
import { posix } from "node:path";
import { errorText, LodenError } from "#spec/errors";
import type { AppContext } from "../app.ts";
import type { Backend } from "../backend/port.ts";
import { createBackend } from "../backend/registry.ts";
import type { Claimant } from "../lease/choice.ts";
import { LeaseHolder } from "../lease/holder.ts";
import { parseSubnetKey, subnetKey } from "../lease/keys.ts";
import { networksOf, parseNetwork } from "../lease/network.ts";
import type { Lease, Network, Node } from "../lease/types.ts";
import { deriveNodeId } from "../node/identity.ts";
import { familiesOf, selectInterface, surroundings } from "../node/interface.ts";
import { Backoff } from "../store/backoff.ts";
import type { Snapshot } from "../store/port.ts";
import { readPreviousSubnets } from "../subnet-file.ts";
import { configOf } from "./follow.ts";
import { LAST_STATE_TROUBLE, type LastState, stateFile } from "./last-state.ts";

/** A store that has not answered for this long is away: long enough for a name, a connection and a leader to be found. */
export const STORE_PATIENCE_MS = 5_000;

/** What the store told so short a time ago is good enough to choose a lease from: a write that it misleads to fails. */
const FRESH_MS = 2_000;

/** Where the network configuration is from. */
export interface Origin {
  readonly network: Network;
  readonly configText: string;
  /** The store does not answer, and this is what an earlier run knew. */
  readonly isLastKnown: boolean;
  /** What the store told with it, and when on the monotonic clock. */
  readonly told?: { readonly snapshot: Snapshot; readonly at: number };
}

/**
 * The network configuration, as soon as the store has one; or the last known one, when the store does not answer within
 * a short time, does not let us in, or has one that is wrong.
 * @throws LodenError where there is no last known one: ERR_CONFIG, ERR_STORE_AUTH and the like, which waiting does not help
 */
export async function awaitNetwork(
  { ports, status, troubles, options }: AppContext,
  last: LastState | undefined,
  signal: AbortSignal,
): Promise<Origin> {
  const { store, clock } = ports;
  status.enter("config", `waiting for the store at ${store.name}`);
  const lastKnown = (isLastKnown: boolean): Origin => {
    const configText = last!.config;
    status.sources.configText = configText;
    return { network: parseNetwork(configText), configText, isLastKnown };
  };
  const fatal = new AbortController();
  const impatient = new AbortController();
  const onTrouble = (error: Error | undefined): void => {
    troubles.report("store", error);
    if (error instanceof LodenError && !error.retry) fatal.abort(error);
  };
  const answered = new AbortController();
  if (last?.lease) {
    const wait = clock.sleep(STORE_PATIENCE_MS, AbortSignal.any([signal, answered.signal]));
    wait.then(() => impatient.abort()).catch(() => undefined);
  }
  const ends = AbortSignal.any([signal, fatal.signal, impatient.signal]);
  for await (const result of store.watch({ signal: ends, onTrouble })) {
    answered.abort();
    troubles.report("store", undefined);
    const entry = configOf(result);
    if (entry !== undefined) {
      status.sources.configText = entry.value;
      try {
        const network = parseNetwork(entry.value);
        troubles.report("config", undefined);
        const told = result.type === "snapshot" ? { told: { snapshot: result, at: clock.monotonic() } } : {};
        return { network, configText: entry.value, isLastKnown: false, ...told };
      } catch (error) {
        if (last === undefined) throw error;
        const text = `the network configuration is wrong: ${errorText(error)}; this node goes on with the last one that was right`;
        troubles.report("config", new LodenError("ERR_CONFIG", text, { cause: error }));
        return lastKnown(false);
      }
    }
    status.enter("config", "waiting for the network configuration");
    troubles.report("config", missingConfig(posix.join(options.etcd.prefix, "config")));
  }
  answered.abort();
  signal.throwIfAborted();
  if (last?.lease) return lastKnown(true);
  throw fatal.signal.reason;
}

function missingConfig(key: string): LodenError {
  const example = '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}';
  const text =
    "flannel config not found in etcd store. Did you create your config using etcdv3 API? " +
    `Write it, for example: etcdctl put ${key} '${example}'`;
  return new LodenError("ERR_CONFIG_MISSING", text, { fields: { key } });
}

/** This host, once it has an interface that fits. */
export async function awaitNode(context: AppContext, network: Network, signal: AbortSignal): Promise<Node> {
  const { ports, status, troubles } = context;
  status.enter("interface", "looking for the interface to other hosts");
  const backoff = new Backoff(ports.clock, ports.random);
  for (;;) {
    try {
      const { node, rule } = findNode(context, network);
      const fields = { interface: node.link.name, address: Object.values(node.publicAddress).join(" ") };
      context.log.info({ ...fields, mtu: node.link.mtu, node: node.id }, `the interface is chosen by ${rule}`);
      troubles.report("interface", undefined);
      return node;
    } catch (error) {
      if (!(error instanceof LodenError) || !error.retry) throw error;
      troubles.report("interface", error);
      await backoff.wait(signal);
    }
  }
}

/**
 * This host as it is now, and the rule that chose its interface.
 * @throws LodenError ERR_INTERFACE
 */
export function findNode({ ports, options }: AppContext, network: Network): { node: Node; rule: string } {
  const host = ports.readHost();
  const selection = selectInterface(options.interface, host, familiesOf(network.ranges));
  const { link, address, publicAddress, rule } = selection;
  const node: Node = {
    id: options.nodeId ?? deriveNodeId(ports.machineId, link),
    link: { name: link.name, index: link.index, mtu: link.mtu },
    address,
    publicAddress,
    ...surroundings(selection, host, networksOf(network)),
    ...(ports.kernelDatapathObstacle === undefined ? {} : { kernelDatapathObstacle: ports.kernelDatapathObstacle }),
    subnet: {},
  };
  return { node, rule };
}

/** @throws LodenError ERR_BACKEND, ERR_BACKEND_UNKNOWN */
export function prepareBackend({ status, log }: AppContext, network: Network, node: Node): Backend {
  status.enter("backend", "the backend is being prepared");
  const backend = createBackend(network, node);
  for (const warning of backend.warnings) log.warn({ backend: backend.type }, warning);
  return backend;
}

/** The lease that a node takes, and who asked for it. */
export interface Tenure {
  readonly holder: LeaseHolder;
  readonly claimant: Claimant;
  readonly lease: Lease;
}

/**
 * A lease for this node, however long it takes (see LeaseHolder.acquire); the last known one while the store is away.
 * @param last of this very node
 */
export async function awaitLease(
  context: AppContext,
  { network, isLastKnown, told }: Origin,
  node: Node,
  backend: Backend,
  last: LastState | undefined,
  signal: AbortSignal,
): Promise<Tenure> {
  const { ports, options, status, troubles, log } = context;
  status.enter("lease", "waiting for a subnet");
  const claimant = claimantOf(context, node, last);
  const holder = new LeaseHolder({
    store: ports.store,
    clock: ports.clock,
    random: ports.random,
    log: ports.log.child({ component: "lease" }),
    network,
    claimant,
    backendType: backend.leaseType,
    backendData: backend.advertise(node),
    renewMarginSeconds: options.renewMarginSeconds,
    ttlSeconds: options.leaseTtlSeconds,
    onTrouble: (name, error) => troubles.report(name, error),
  });
  status.sources.lease = () => holder.held;
  if (isLastKnown && last?.lease) return { holder, claimant, lease: assume(context, holder, last) };
  const isFresh = told !== undefined && ports.clock.monotonic() - told.at < FRESH_MS;
  const lease = await acquireOrAssume(context, holder, last, isFresh ? told.snapshot : undefined, signal);
  if (!holder.isLost) log.info({ lease: lease.key, backend: backend.type }, "the lease is held");
  return { holder, claimant, lease };
}

/** A store that went away after it told the configuration is no reason to wait with a lease known from before. */
async function acquireOrAssume(
  context: AppContext,
  holder: LeaseHolder,
  last: LastState | undefined,
  known: Snapshot | undefined,
  signal: AbortSignal,
): Promise<Lease> {
  const { ports, troubles } = context;
  if (!last?.lease) return holder.acquire(signal, known);
  const [silent, done] = [new AbortController(), new AbortController()];
  const watchSilence = async (): Promise<void> => {
    while (!silent.signal.aborted) {
      await ports.clock.sleep(STORE_PATIENCE_MS, AbortSignal.any([signal, done.signal]));
      // A store that can be read and not written may have told that the lease of before is another's: another is waited for.
      const isOurs = holder.wanted === undefined || holder.wanted === last.lease?.key;
      if (troubles.get("store") !== undefined && isOurs) silent.abort();
    }
  };
  watchSilence().catch(() => undefined);
  try {
    return await holder.acquire(AbortSignal.any([signal, silent.signal]), known);
  } catch (error) {
    if (signal.aborted || !silent.signal.aborted) throw error;
    return assume(context, holder, last);
  } finally {
    done.abort();
  }
}

function claimantOf({ ports, options, status }: AppContext, node: Node, last: LastState | undefined): Claimant {
  const fromFile = readPreviousSubnets(ports.files, options.subnetFile);
  const fromState = last?.lease ? parseSubnetKey(last.lease.key) : undefined;
  // The subnet file is where containers get their subnet from; a boot empties its directory.
  const bootId = fromFile === undefined ? last?.bootId : status.previousBootId;
  return {
    nodeId: node.id,
    publicAddress: node.publicAddress,
    previous: fromFile ?? fromState,
    isFreshBoot: bootId !== undefined && bootId !== ports.bootId,
    ...(last?.lease?.reserved === true ? { reserved: last.lease.key } : {}),
  };
}

function assume({ troubles, log }: AppContext, holder: LeaseHolder, last: LastState): Lease {
  const { key, value } = last.lease!;
  const lease = holder.assume(key, value);
  // Whatever was in the way of taking one: this one is held, and what is wrong with it is found out anew.
  troubles.report("lease", undefined);
  const text =
    `the store does not answer: this node runs from the last known state, of ${last.written}. Its subnet ${key} is to ` +
    "be confirmed, and what has changed of its peers since is not known";
  troubles.report(LAST_STATE_TROUBLE, new LodenError("ERR_STORE_UNAVAILABLE", text));
  log.info({ lease: key, count: last.peers.length }, "the last known state is taken up");
  return lease;
}

/**
 * The last known state, if it is of this node and of the subnet that containers here may have.
 */
export function lastStateOf(
  { ports, options, troubles }: AppContext,
  last: LastState,
  node: Node,
): LastState | undefined {
  const previous = readPreviousSubnets(ports.files, options.subnetFile);
  const key = last.lease?.key;
  const file = stateFile(options) ?? "";
  let reason: string | undefined;
  if (last.nodeId !== node.id) reason = `it is of the node ${last.nodeId}, and this one is ${node.id}`;
  else if (previous !== undefined && key !== undefined && subnetKey(previous) !== key) {
    reason = `it tells of the subnet ${key}, and ${options.subnetFile} of ${subnetKey(previous)}`;
  }
  if (reason === undefined) return last;
  troubles.report("state", new LodenError("ERR_CONFIG", `the state file ${file}: ${reason}; it is ignored`));
  return undefined;
}
