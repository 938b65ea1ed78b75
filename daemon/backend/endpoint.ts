// Where a peer is reached on the underlay, as its lease says, with the checks every backend needs.
import type { Address, Family } from "#kernel/ip/address";
import { LodenError } from "#spec/errors";
import type { Lease, Node } from "../lease/types.ts";

/** RFC 3021: prefixes of this length and longer have no broadcast address. */
const POINT_TO_POINT = 31;

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
  if (address.family !== family || !isHostAddress(node, address)) {
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

/** RFC 6890's addresses that no host on another machine has, and the broadcast addresses of the node's own networks. */
function isHostAddress(node: Node, address: Address): boolean {
  const { family, unmapped: plain } = address;
  if (family === 6 && (address.isLinkLocal || plain.family === 4)) return false;
  if (address.isMulticast || address.isLoopback || address.isUnspecified) return false;
  // 0.0.0.0/8 is "this network", and 240.0.0.0/4 is reserved up to the limited broadcast.
  if (family === 4 && (address.value >> 24n === 0n || address.value >> 28n === 0xfn)) return false;
  return !node.onLink.some((prefix) => {
    const isLan = prefix.family === 4 && prefix.length < POINT_TO_POINT && prefix.contains(address);
    return isLan && (prefix.first.equals(address) || prefix.last.equals(address));
  });
}

function invalid(lease: Lease, reason: string): LodenError {
  return new LodenError("ERR_LEASE_INVALID", `lease ${lease.key} cannot be used: ${reason}`, {
    fields: { lease: lease.key },
  });
}
