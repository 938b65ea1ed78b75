// What the commands are told: flannel's variables, and those of the other family, which flannel leaves out. Every value
// has been read and is printed anew, so that nothing but addresses ever stands in a variable.
import type { Lease, Network } from "../../lease/types.ts";
import type { Command } from "./command.ts";

/** Environment and input of a peer's commands. */
export type PeerFacts = Pick<Command, "environment" | "input">;

/** Variables of a lease, a peer's or this node's own. An absent family's are empty. */
export function leaseEnvironment(network: Network, { subnet, publicAddress }: Pick<Lease, "subnet" | "publicAddress">) {
  return {
    NETWORK: network.ranges[4]?.network.toString() ?? "",
    IPV6NETWORK: network.ranges[6]?.network.toString() ?? "",
    SUBNET: subnet[4]?.masked.toString() ?? "",
    IPV6SUBNET: subnet[6]?.masked.toString() ?? "",
    PUBLIC_IP: publicAddress[4]?.toString() ?? "",
    PUBLIC_IPV6: publicAddress[6]?.toString() ?? "",
  };
}

/** The input is what the peer's PreStartupCommand printed; nothing where its lease has none, or something else. */
export function peerFacts(network: Network, lease: Lease): PeerFacts {
  const data = lease.backendData[4] ?? lease.backendData[6];
  return { environment: leaseEnvironment(network, lease), input: typeof data === "string" ? data : "" };
}

export function sameFacts(a: PeerFacts | undefined, b: PeerFacts | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
