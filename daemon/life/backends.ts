// Backends side by side: which of them take one another's place in the kernel, and with which a node begins when it was
// stopped on the way from one to the other. Pure.
import { errorText, LodenError } from "#spec/errors";
import type { Backend } from "../backend/port.ts";
import { createBackend } from "../backend/registry.ts";
import { parseNetwork } from "../lease/network.ts";
import { parseSubnetKey } from "../lease/keys.ts";
import type { Network, Node } from "../lease/types.ts";
import { refusal } from "./config-change.ts";
import type { LastState } from "./last-state.ts";

/** A network configuration, with its document as stored. */
export interface Configured {
  readonly network: Network;
  readonly configText: string;
}

/** Undefined when this host, as it is now, cannot serve it any more. */
export function backendOf(network: Network, node: Node): Backend | undefined {
  try {
    return createBackend(network, node);
  } catch (error) {
    if (error instanceof LodenError) return undefined;
    throw new Error(errorText(error), { cause: error });
  }
}

/** One can take the other's place in the kernel, as both would have the same devices or none. */
export function sharesDevices(a: Backend, b: Backend, node: Node): boolean {
  const devices = (backend: Backend): string =>
    backend
      .base(node)
      .filter(({ kind }) => kind === "link")
      .map(({ key }) => key)
      .toSorted()
      .join();
  return a.leaseType === b.leaseType && devices(a) === devices(b);
}

/**
 * What a daemon begins with that finds another configuration in the store than the one that its node's lease tells of: that
 * one, when the way to the new one leads by both. Peers send by it until the lease says otherwise, and the lease must not
 * say so before the kernel has the new devices. The watch then brings the new configuration, as it does to a running daemon.
 */
export function beginWith(stored: Configured, node: Node, last: LastState): Configured {
  const before = configuredOf(last.config);
  const subnet = last.lease === null ? undefined : parseSubnetKey(last.lease.key);
  if (before === undefined || subnet === undefined) return stored;
  const { network } = stored;
  if ([before.network, network].some(({ backend }) => backend.type === "extension")) return stored;
  if (refusal(before.network, network, subnet, []) !== undefined) return stored;
  const at = { ...node, subnet };
  const [old, next] = [backendOf(before.network, at), backendOf(network, at)];
  return old === undefined || next === undefined || sharesDevices(old, next, at) ? stored : before;
}

/** The configurations, besides the one in force, that peers still needed when an earlier run ended. */
export function outgoingOf(last: LastState | undefined, inForce: Configured): Configured[] {
  const kept = (last?.outgoing ?? []).filter((text) => text !== inForce.configText);
  return kept.flatMap((text) => configuredOf(text) ?? []);
}

function configuredOf(configText: string): Configured | undefined {
  try {
    return { network: parseNetwork(configText), configText };
  } catch {
    return undefined;
  }
}
