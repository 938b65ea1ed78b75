// What CHECK looks for on a container's interface, whatever plugin made it. Texts are those of the reference plugins.
import type { Address } from "#kernel/ip/address";
import { addrDump } from "#kernel/netlink/addr";
import type { Link } from "#kernel/netlink/link";
import { routeDump, type Route } from "#kernel/netlink/route";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import { failure } from "../error.ts";
import type { Result, ResultInterface, ResultRoute } from "../result/types.ts";

export function checkMac(found: Link, expected: ResultInterface, text: string): void {
  const mac = found.mac?.text ?? "";
  if (expected.mac !== undefined && expected.mac.toLowerCase() !== mac) throw failure(`${text}: ${mac}`);
}

export function checkAddresses(socket: NetlinkSocket, container: Link, result: Result): void {
  const present = addrDump(socket, { index: container.index });
  for (const { address } of result.ips) {
    if (present.some((item) => item.address.equals(address))) continue;
    throw failure(`Failed to match addr ${address.toString()} on interface ${container.name}`);
  }
}

export function checkRoutes(socket: NetlinkSocket, container: Link, expected: readonly ResultRoute[]): void {
  if (expected.length === 0) return;
  const present = routeDump(socket, { oif: container.index });
  for (const route of expected) {
    if (present.some((item) => fits(item, route))) continue;
    throw failure(
      `Expected Route ${route.destination.toString()} via ${route.gateway?.toString() ?? "none"} not found in routing table`,
    );
  }
}

function fits(present: Route, expected: ResultRoute): boolean {
  const same = (a: Address | undefined, b: Address | undefined): boolean => b === undefined || a?.equals(b) === true;
  return (
    present.destination.equals(expected.destination) &&
    same(present.gateway, expected.gateway) &&
    (expected.table === undefined || present.table === expected.table) &&
    (expected.priority === undefined || present.priority === expected.priority)
  );
}
