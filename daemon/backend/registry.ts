// The backends of this build, by the type that the network configuration names.
import { LodenError } from "#spec/errors";
import type { Network, Node } from "../lease/types.ts";
import { createAlloc } from "./alloc/desired.ts";
import { createHostGw } from "./host-gw/desired.ts";
import { createExtension } from "./extension/desired.ts";
import type { Backend, BackendFactory } from "./port.ts";
import { createUdp } from "./udp/desired.ts";
import { createVxlan } from "./vxlan/desired.ts";

export const backendFactories: ReadonlyMap<string, BackendFactory> = new Map([
  ["vxlan", createVxlan],
  ["host-gw", createHostGw],
  ["udp", createUdp],
  ["alloc", createAlloc],
  ["extension", createExtension],
]);

/**
 * The backend that the network configuration asks for.
 * @throws LodenError ERR_BACKEND_UNKNOWN, and what the backend's factory throws
 */
export function createBackend(network: Network, node: Node): Backend {
  const { type } = network.backend;
  const factory = backendFactories.get(type);
  if (factory === undefined) {
    const known = [...backendFactories.keys()].join(", ");
    throw new LodenError(
      "ERR_BACKEND_UNKNOWN",
      `the network configuration's Backend.Type is ${JSON.stringify(type)}; this build of Loden has ${known}`,
      { fields: { type } },
    );
  }
  return factory(network, node);
}
