// Where a peer is reached on the underlay, as its lease says, with the checks every backend needs.
import type { Address, Family } from "#kernel/ip/address";
import { LodenError } from "#spec/errors";
import type { Lease, Node } from "../lease/types.ts";

/**
 * The address to send to.
 * @throws LodenError ERR_LEASE_INVALID when the lease names none, one that is no host's, or this node's own
 */
export function peerEndpoint(node: Node, lease: Lease, family: Family): Address {
  const field = family === 4 ? "PublicIP" : "PublicIPv6";
  const address = lease.publicAddress[family];
  if (address === undefined || address.isUnspecified) {
    throw invalid(lease, `it has a subnet for IPv${family} but its ${field} is absent`);
  }
  if (address.family !== family || address.isMulticast || address.isLoopback) {
    throw invalid(lease, `its ${field} ${address.toString()} is no IPv${family} address that a node can have`);
  }
  const mine = [node.publicAddress[family], node.address[family], ...node.hostAddresses];
  if (mine.some((own) => own?.equals(address) === true)) {
    throw invalid(
      lease,
      `its ${field} ${address.toString()} is this node's own address: two nodes have one address, or this node had ` +
        "another identity before",
    );
  }
  return address;
}

/** The address is reached without a router, as far as the prefixes of the node's interface tell. */
export function isOnLink(node: Node, address: Address): boolean {
  return node.onLink.some((prefix) => prefix.contains(address));
}

function invalid(lease: Lease, reason: string): LodenError {
  return new LodenError("ERR_LEASE_INVALID", `lease ${lease.key} cannot be used: ${reason}`, {
    fields: { lease: lease.key },
  });
}
