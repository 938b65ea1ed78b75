// The alloc backend: leases a subnet and programs nothing; something else carries the traffic.
import type { Network } from "../../lease/types.ts";
import type { Backend } from "../port.ts";
import { checkAlloc } from "./config.ts";

export function createAlloc(network: Network): Backend {
  return {
    type: "alloc",
    // flannel publishes no type for it: other nodes have nothing to do for such a lease.
    leaseType: "",
    warnings: checkAlloc(network),
    mtu: (node) => node.link.mtu,
    advertise: () => ({}),
    base: () => [],
    peer: () => [],
  };
}
