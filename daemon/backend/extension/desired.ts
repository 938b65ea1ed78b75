// The extension backend: what carries the traffic is made by the user's commands, and not by this daemon. It wants nothing
// of the kernel itself; runner.ts runs the commands.
import type { BackendData, Network, Node } from "../../lease/types.ts";
import type { Backend } from "../port.ts";
import { underlayMtu } from "../underlay.ts";
import { readExtension } from "./config.ts";

/** @throws LodenError ERR_BACKEND for options that cannot be */
export function createExtension(network: Network): Backend {
  const { warnings } = readExtension(network);
  return {
    type: "extension",
    leaseType: "extension",
    warnings,
    mtu: underlayMtu,
    advertise: (node) => advertised(network, node),
    base: () => [],
    peer: () => [],
  };
}

/** There is one such text for both families: in BackendData, as flannel has it, unless the network has no IPv4. */
function advertised(network: Network, { commandOutput }: Node): BackendData {
  if (commandOutput === undefined) return {};
  return { [network.ranges[4] === undefined ? 6 : 4]: commandOutput };
}
