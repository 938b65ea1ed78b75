// The host-gw backend has no options; what it needs is that nodes reach each other without a router or a NAT.
import { FAMILIES } from "#kernel/ip/address";
import { hostGwOptionsContract } from "#spec/documents/backend-options";
import { LodenError } from "#spec/errors";
import type { Network, Node } from "../../lease/types.ts";
import { readOptions } from "../options.ts";

/**
 * Warnings for the log.
 * @throws LodenError ERR_BACKEND behind a NAT
 */
export function checkHostGw(network: Network, node: Node): string[] {
  for (const family of FAMILIES) {
    const wanted = node.publicAddress[family];
    const own = node.address[family];
    if (network.ranges[family] === undefined || wanted === undefined || own?.equals(wanted) === true) continue;
    throw new LodenError(
      "ERR_BACKEND",
      "your PublicIP differs from interface IP, meaning that probably you're on a NAT, which is not supported by " +
        `host-gw backend: the public address is ${wanted.toString()}, interface ${node.link.name} has ` +
        `${own?.toString() ?? `no IPv${family} address`}; leave out --public-ip or use the vxlan backend`,
      { fields: { backend: "host-gw", link: node.link.name, public: wanted.toString() } },
    );
  }
  return readOptions(hostGwOptionsContract, network).warnings;
}
