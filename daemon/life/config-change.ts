// Whether a running node can take up another network configuration. Pure.
import { FAMILIES } from "#kernel/ip/address";
import { LodenError } from "#spec/errors";
import type { Lease, Network } from "../lease/types.ts";

/** So many of the leases that are in the way are named. */
const NAMED = 5;

/**
 * Why `next` cannot take the place of `current` while these leases live; undefined when it can. SubnetMin, SubnetMax and
 * SubnetLen bind new leases alone: a live one may lie outside them, as it keeps its subnet for as long as it lives.
 */
export function refusal(
  current: Network,
  next: Network,
  own: Lease["subnet"],
  peers: readonly Lease[],
): LodenError | undefined {
  if (hasCommands(current) || hasCommands(next)) {
    if (commandsAreTold(current) !== commandsAreTold(next)) {
      const what =
        "the extension backend, its commands and the network they are told of are taken up at the start only";
      const advice = "this node goes on with the one it has until lodend is started again";
      return new LodenError("ERR_CONFIG", `the network configuration has changed: ${what}; ${advice}`);
    }
  }
  for (const family of FAMILIES) {
    const [before, after] = [current.ranges[family], next.ranges[family]];
    if ((before === undefined) !== (after === undefined)) {
      const what = after === undefined ? "ends" : "begins";
      return refused(`it ${what} IPv${family}, and a lease has its address families for life`);
    }
    if (before === undefined || after === undefined) continue;
    const field = family === 4 ? "Network" : "IPv6Network";
    const mine = own[family];
    if (mine !== undefined && !after.network.contains(mine.masked)) {
      return refused(`${field} ${after.network.toString()} does not hold this node's subnet ${mine.masked.toString()}`);
    }
    const outside = peers.filter(({ subnet }) => {
      const theirs = subnet[family]?.masked;
      return theirs !== undefined && before.network.contains(theirs) && !after.network.contains(theirs);
    });
    if (outside.length > 0) {
      const keys = outside.slice(0, NAMED).map(({ key }) => key);
      const more = outside.length > NAMED ? ` and ${outside.length - NAMED} more` : "";
      return refused(`${field} ${after.network.toString()} excludes live leases: ${keys.join(", ")}${more}`);
    }
  }
  return undefined;
}

/** What commands have made, nobody but their writer can move elsewhere. */
function hasCommands({ backend }: Network): boolean {
  return backend.type === "extension";
}

/** What commands run with: themselves, and NETWORK and IPV6NETWORK. */
function commandsAreTold({ backend, ranges }: Network): string {
  return JSON.stringify([backend, FAMILIES.map((family) => ranges[family]?.network.toString())]);
}

function refused(reason: string): LodenError {
  return new LodenError(
    "ERR_CONFIG",
    `the network configuration has changed and cannot be taken up: ${reason}; this node goes on with the one it has. ` +
      "Write a network that holds all live leases, or drain the nodes (loden drain) and start them again",
  );
}
