// What connection tracking remembers of UDP: a "connection" that was tracked before a mapping was made, or to a container that
// is gone, keeps its packets from the mapping for as long as they come, because translation is decided once, by the first.
import { Address, FAMILIES, type Family } from "#kernel/ip/address";
import { addrDump } from "#kernel/netlink/addr";
import { conntrackDelete, conntrackDump, type ConntrackEntry } from "#kernel/netlink/conntrack";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Machine } from "../../plugin.ts";
import { mappingsOf, type PortMapping } from "./config.ts";

const IPPROTO_UDP = 17;
/** The connection has ended meanwhile. */
const ENOENT = 2;

/** A mapping that is no longer there. */
export interface RemovedMapping {
  readonly family: Family;
  readonly hostPort: number;
  readonly container: string;
}

/**
 * Forgets what was tracked to the mapped UDP ports of this host, and what was translated for an earlier container. Flows
 * to such a port of somebody else, through this host, are left alone.
 */
export function forgetBeforeMapping(
  machine: Machine,
  mappings: readonly PortMapping[],
  families: readonly Family[],
): void {
  const udp = mappings.filter(({ protocol }) => protocol === "udp");
  if (udp.length === 0) return;
  let local: ReadonlySet<string> | undefined;
  const isOurs = ({ original, reply }: ConntrackEntry): boolean =>
    original.destination.isLoopback ||
    !reply.source.equals(original.destination) ||
    (local ??= localAddresses(machine)).has(original.destination.toString());
  for (const family of FAMILIES) {
    if (!families.includes(family)) continue;
    const mapped = mappingsOf(udp, family);
    forget(machine, family, mapped, (entry) => {
      const { destination, destinationPort } = entry.original;
      return mapped.some(
        ({ hostPort, hostAddress }) =>
          hostPort === destinationPort &&
          (hostAddress === undefined || destination.equals(hostAddress)) &&
          isOurs(entry),
      );
    });
  }
}

function localAddresses({ sys }: Machine): ReadonlySet<string> {
  using routes = NetlinkSocket.open(sys);
  return new Set(addrDump(routes).map(({ address }) => address.address.toString()));
}

/** Forgets what was translated to a container that no longer has the port. */
export function forgetAfterMapping(machine: Machine, removed: readonly RemovedMapping[]): void {
  for (const family of FAMILIES) {
    const mapped = removed.filter((mapping) => mapping.family === family);
    const targets = new Set(
      mapped.map(({ hostPort, container }) => `${hostPort} ${Address.parse(container).toString()}`),
    );
    forget(machine, family, mapped, ({ original, reply }) =>
      targets.has(`${original.destinationPort ?? 0} ${reply.source.toString()}`),
    );
  }
}

/** One dump, whatever the number of ports: the kernel goes through all buckets of its table for each, 3 ms of 262,144. */
function forget(
  machine: Machine,
  family: Family,
  mapped: readonly { readonly hostPort: number }[],
  isStale: (entry: ConntrackEntry) => boolean,
): void {
  const ports = new Set(mapped.map(({ hostPort }) => hostPort));
  if (ports.size === 0) return;
  const socket = machine.netfilter();
  const [destinationPort] = ports;
  const filter = { family, protocol: IPPROTO_UDP, ...(ports.size > 1 ? {} : { destinationPort: destinationPort! }) };
  const entries = conntrackDump(socket, filter).filter(isStale);
  const refused = socket.batch(entries.map(conntrackDelete), ENOENT).find((outcome) => outcome !== undefined);
  if (refused !== undefined) throw refused;
}
