// The steps from nothing to a lease. Each waits for what it needs, and tells the status what it waits for.
import { posix } from "node:path";
import { LodenError } from "#spec/errors";
import type { AppContext } from "../app.ts";
import type { Backend } from "../backend/port.ts";
import { createBackend } from "../backend/registry.ts";
import { LeaseHolder } from "../lease/holder.ts";
import { parseNetwork } from "../lease/network.ts";
import type { Lease, Network, Node } from "../lease/types.ts";
import { deriveNodeId } from "../node/identity.ts";
import { familiesOf, selectInterface, surroundings } from "../node/interface.ts";
import { Backoff } from "../store/backoff.ts";
import { readPreviousSubnets } from "../subnet-file.ts";
import { configOf } from "./follow.ts";

/**
 * The network configuration, as soon as the store has one.
 * @throws LodenError ERR_CONFIG for one that is wrong; ERR_STORE_AUTH and the like, which waiting does not help
 */
export async function awaitNetwork(
  { ports, status, troubles, options }: AppContext,
  signal: AbortSignal,
): Promise<Network> {
  const { store } = ports;
  status.enter("config", `waiting for the store at ${store.name}`);
  const fatal = new AbortController();
  const onTrouble = (error: Error | undefined): void => {
    troubles.report("store", error);
    if (error instanceof LodenError && !error.retry) fatal.abort(error);
  };
  for await (const result of store.watch({ signal: AbortSignal.any([signal, fatal.signal]), onTrouble })) {
    troubles.report("store", undefined);
    const entry = configOf(result);
    if (entry !== undefined) {
      troubles.report("config", undefined);
      const network = parseNetwork(entry.value);
      status.sources.configText = entry.value;
      return network;
    }
    status.enter("config", "waiting for the network configuration");
    troubles.report("config", missingConfig(posix.join(options.etcd.prefix, "config")));
  }
  signal.throwIfAborted();
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
      const node = findNode(context, network);
      troubles.report("interface", undefined);
      return node;
    } catch (error) {
      if (!(error instanceof LodenError) || !error.retry) throw error;
      troubles.report("interface", error);
      await backoff.wait(signal);
    }
  }
}

function findNode({ ports, options, log }: AppContext, network: Network): Node {
  const host = ports.readHost();
  const selection = selectInterface(options.interface, host, familiesOf(network.ranges));
  const { link, address, publicAddress, rule } = selection;
  const id = options.nodeId ?? deriveNodeId(ports.machineId, link);
  const addresses = Object.values(publicAddress).join(" ");
  log.info({ interface: link.name, address: addresses, mtu: link.mtu, node: id }, `the interface is chosen by ${rule}`);
  return {
    id,
    link: { name: link.name, index: link.index, mtu: link.mtu },
    address,
    publicAddress,
    ...surroundings(selection, host),
    subnet: {},
  };
}

/** @throws LodenError ERR_BACKEND, ERR_BACKEND_UNKNOWN */
export function prepareBackend({ status, log }: AppContext, network: Network, node: Node): Backend {
  status.enter("backend", "the backend is being prepared");
  try {
    const backend = createBackend(network, node);
    for (const warning of backend.warnings) log.warn({ backend: backend.type }, warning);
    return backend;
  } catch (error) {
    if (error instanceof LodenError && error.code === "ERR_BACKEND_UNKNOWN" && network.backend.type === "udp") {
      const advice = 'a configuration without Backend means udp, as in flannel: write "Backend": {"Type": "vxlan"}';
      throw new LodenError(error.code, `${error.message}; ${advice}`, { cause: error });
    }
    throw error;
  }
}

/** A lease for this node, however long it takes; see LeaseHolder.acquire. */
export async function awaitLease(
  { ports, options, status, troubles, log }: AppContext,
  network: Network,
  node: Node,
  backend: Backend,
  signal: AbortSignal,
): Promise<{ holder: LeaseHolder; lease: Lease }> {
  status.enter("lease", "waiting for a subnet");
  const holder = new LeaseHolder({
    store: ports.store,
    clock: ports.clock,
    random: ports.random,
    log: ports.log.child({ component: "lease" }),
    network,
    claimant: {
      nodeId: node.id,
      publicAddress: node.publicAddress,
      previous: readPreviousSubnets(ports.files, options.subnetFile),
      isFreshBoot: status.previousBootId !== undefined && status.previousBootId !== ports.bootId,
    },
    backendType: backend.leaseType,
    backendData: backend.advertise(node),
    renewMarginSeconds: options.renewMarginSeconds,
    ttlSeconds: options.leaseTtlSeconds,
    onTrouble: (name, error) => troubles.report(name, error),
  });
  status.sources.lease = () => holder.held;
  const lease = await holder.acquire(signal);
  if (!holder.isLost) log.info({ lease: lease.key, backend: backend.type }, "the lease is held");
  return { holder, lease };
}
