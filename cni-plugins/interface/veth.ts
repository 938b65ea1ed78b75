// The veth pair between the host and a container, made by one request.
import type { Mac } from "#kernel/ip/mac";
import { NetlinkError } from "#kernel/netlink/error";
import { linkGet, linkNew, type Link } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import type { Sys } from "#kernel/sys";
import { writeSysctl } from "#kernel/sysctl";
import { failure } from "../error.ts";
import type { Call } from "../plugin.ts";
import { awaitState, NOTIFY } from "./await.ts";
import { randomVethName } from "./marks.ts";

/** How long a pair may take to come up; the reference plugin waits as long for a bridge's port. */
const UP_TIMEOUT_MS = 2550;
/** Tries for a host name nobody has; two are enough unless names are being exhausted. */
const NAME_TRIES = 10;

export interface VethSpec {
  /** Name wanted for the host's end, which is made up. */
  readonly hostName: string;
  /** The other end: its name, and the namespace it goes to; absent: it stays on the host. */
  readonly peer: { readonly name: string; readonly netns?: number; readonly mac?: Mac };
  readonly mtu?: number;
  /** See unfinishedGroup; absent: the pair is no attachment's. */
  readonly group?: number;
  /** Index of the bridge that the host's end is a port of. */
  readonly master?: number;
}

/**
 * Makes the pair.
 * @param nameIsTaken whether the peer's name is in use where the peer goes
 * @returns the name the host's end got
 */
export function makeVeth(socket: NetlinkSocket, spec: VethSpec, nameIsTaken: () => boolean): string {
  const { peer, mtu, master, group } = spec;
  const size = mtu === undefined ? {} : { mtu };
  const port = master === undefined ? {} : { master };
  const mark = group === undefined ? {} : { group };
  let name = spec.hostName;
  for (let tries = 0; tries < NAME_TRIES; tries++, name = randomVethName()) {
    const end = {
      name: peer.name,
      ...size,
      ...(peer.mac === undefined ? {} : { mac: peer.mac }),
      ...(peer.netns === undefined ? {} : { netnsFd: peer.netns }),
    };
    try {
      socket.request(linkNew({ name, up: true, ...mark, ...port, ...size, kind: { kind: "veth", peer: end } }));
      return name;
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      if (error.symbol !== "EEXIST") throw failure(`failed to make veth pair: ${error.message}`, error);
      if (nameIsTaken()) {
        throw failure(
          `container veth name (${JSON.stringify(peer.name)}) peer provided (${JSON.stringify(name)}) already exists`,
        );
      }
    }
  }
  throw failure("failed to find a unique veth name");
}

/**
 * The host's end once its state is "up", which follows the container's end within a moment: the kernel drops what is
 * sent before that.
 * @param state undefined: as it is
 */
export function awaitHostEnd(sys: Sys, socket: NetlinkSocket, name: string, state: "up" | undefined): Link {
  let last: Link | undefined;
  const end = awaitState(sys, NOTIFY.link, UP_TIMEOUT_MS, () => {
    last = linkGet(socket, { name });
    if (last === undefined) throw failure(`the link ${name} was removed while it was being set up`);
    return state === undefined || last.operState === state ? last : undefined;
  });
  if (end === undefined) throw failure(`bridge port in error state: the link ${name} is ${last?.operState ?? "gone"}`);
  return end;
}

/**
 * Has the link's own IPv6 address usable at once, without which the kernel cannot ask for neighbours that it forwards to.
 * To be called before the link has a carrier, which is when duplicate address detection begins.
 */
export function skipDuplicateDetection(name: string): void {
  try {
    writeSysctl(`net/ipv6/conf/${name}/accept_dad`, "0");
  } catch {
    // A kernel without IPv6 has nothing to set.
  }
}

/** Whether the container has an interface of the call's name. */
export function containerNameIsTaken(call: Call): boolean {
  const { sys } = call.machine;
  using inside = withNetns(sys, call.netns!, () => NetlinkSocket.open(sys));
  return linkGet(inside, { name: call.environment.ifname }) !== undefined;
}

/** The routes of this interface are ours to set. A kernel without IPv6 has nothing to set. */
export function ignoreRouterAdvertisements(name: string): void {
  try {
    writeSysctl(`net/ipv6/conf/${name}/accept_ra`, "0");
  } catch {
    // As the reference plugin: not a reason to refuse a container.
  }
}
