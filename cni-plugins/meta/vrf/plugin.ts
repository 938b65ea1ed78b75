// vrf: makes the container's interface a port of a VRF, a routing table of its own. The reference plugin's counterpart;
// README.md tells what differs.
import { ADDRESS_FLAG, addrDump, addrNew, type LinkAddress } from "#kernel/netlink/addr";
import { linkDelete, linkDump, linkGet, linkNew, linkSet, type Link } from "#kernel/netlink/link";
import { ROUTE_TABLE, routeDump, routeNew, type Route } from "#kernel/netlink/route";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import { withNetns } from "#kernel/netns";
import { validAttachments } from "../../attachments.ts";
import { previousResult } from "../../config.ts";
import { failure, inContext } from "../../error.ts";
import { Undo } from "../../interface/undo.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { vrfConfig, type VrfConfig } from "./config.ts";

export const vrf: Plugin = { name: "vrf", usesNetns: true, add, del, check, gc, status };

/** errno.h */
const EEXIST = 17;

function inContainer<T>({ machine, netns }: Call, use: (socket: NetlinkSocket) => T): T {
  using socket = withNetns(machine.sys, netns!, () => NetlinkSocket.open(machine.sys));
  return use(socket);
}

/** The VRF of that name; undefined when there is none. @throws CniError 999 when the name is another kind's */
function findVrf(socket: NetlinkSocket, name: string): (Link & { readonly table: number }) | undefined {
  const link = linkGet(socket, { name });
  if (link === undefined) return undefined;
  if (link.kind?.kind !== "vrf") throw failure(`Netlink ${name} is not a VRF`);
  return { ...link, table: link.kind.table ?? 0 };
}

function send(socket: NetlinkSocket, what: string, messages: readonly Message[]): void {
  const refused = socket.batch(messages, EEXIST).find((outcome) => outcome !== undefined);
  if (refused !== undefined) throw inContext(what, refused);
}

function add(call: Call): Result {
  const config = vrfConfig(call.config);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("missing prevResult from earlier plugin");
  inContainer(call, (socket) => {
    const undo = new Undo();
    try {
      const device = findVrf(socket, config.vrfname) ?? makeVrf(socket, config, undo);
      if (config.table !== undefined && device.table !== config.table) {
        throw failure(`VRF ${config.vrfname} already exist with different routing table ${device.table}`);
      }
      join(socket, device, call.environment.ifname, undo);
    } catch (error) {
      undo.run();
      throw inContext("cmdAdd failed", error);
    }
  });
  return result;
}

function makeVrf(socket: NetlinkSocket, { vrfname, table }: VrfConfig, undo: Undo): Link & { readonly table: number } {
  const chosen = table ?? freeTable(socket);
  undo.add(() => socket.request(linkDelete({ name: vrfname })));
  const [refused] = socket.batch([linkNew({ name: vrfname, up: true, kind: { kind: "vrf", table: chosen } })]);
  if (refused !== undefined) throw inContext(`could not add VRF ${vrfname}`, refused);
  const device = findVrf(socket, vrfname);
  if (device === undefined) throw failure(`could not add VRF ${vrfname}: it was removed while it was being set up`);
  return device;
}

/** The first that no VRF has and that is not one of the kernel's own. */
function freeTable(socket: NetlinkSocket): number {
  const reserved: readonly number[] = Object.values(ROUTE_TABLE);
  const taken = new Set(linkDump(socket, { kind: "vrf" }).map(({ kind }) => (kind?.kind === "vrf" ? kind.table : 0)));
  let table = 1;
  while (taken.has(table) || reserved.includes(table)) table++;
  return table;
}

/**
 * Makes an interface a port. The kernel takes it down and up for that: it forgets IPv6 addresses (unless keep_addr_on_down is
 * set) and every route that leads over a gateway, which are given back, the routes in the VRF's table.
 */
function join(socket: NetlinkSocket, device: Link & { readonly table: number }, ifname: string, undo: Undo): void {
  const link = linkGet(socket, { name: ifname });
  if (link === undefined) throw failure(`could not get link by name ${ifname}`);
  if (link.master === device.index) return;
  if (link.master !== undefined && link.master !== 0) {
    const master = linkGet(socket, { index: link.master })?.name ?? String(link.master);
    throw failure(`interface ${ifname} has already a master set: ${master}`);
  }
  const addresses = addrDump(socket, { index: link.index, family: 6 }).filter(({ scope }) => scope === "global");
  const routes = routeDump(socket, { oif: link.index }).filter(isGiven);
  undo.add(() => {
    socket.batch([linkSet(link.index, { master: 0 }), ...addresses.map(again), ...routes.map(replaced)]);
  });
  send(socket, `could not set vrf ${device.name} as master of ${ifname}`, [
    linkSet(link.index, { master: device.index }),
  ]);
  const present = addrDump(socket, { index: link.index, family: 6 });
  const lost = addresses.filter(({ address }) => !present.some((item) => item.address.equals(address)));
  send(socket, `could not restore an address to ${ifname} @ ${device.name}`, lost.map(again));
  const moved = routes.map((route) => ({ ...route, table: device.table }));
  send(socket, "could not add route", moved.map(replaced));
}

/** Routes that somebody gave the interface: the others, of its own networks, the kernel makes anew. */
function isGiven({ table, protocol, destination, type }: Route): boolean {
  const isKernels = protocol === 2 || destination.address.isLinkLocal || destination.address.isMulticast;
  return table !== ROUTE_TABLE.local && !isKernels && (type ?? "unicast") === "unicast";
}

/** Nobody else can have it: it was this interface's until now. */
function again({ index, address, peer, scope, lifetime }: LinkAddress): Message {
  const rest = { ...(peer === undefined ? {} : { peer }), ...(scope === undefined ? {} : { scope }) };
  const life = lifetime === undefined ? {} : { lifetime };
  return addrNew({ index, address, flags: ADDRESS_FLAG.noDad, ...rest, ...life });
}

function replaced(route: Route): Message {
  const { flags: _, expires: __, iif: ___, mark: ____, ...rest } = route;
  return routeNew(rest, "replace");
}

function del(call: Call): void {
  if (call.netns === undefined) return;
  const { vrfname } = vrfConfig(call.config);
  inContainer(call, (socket) => {
    const device = linkGet(socket, { name: vrfname });
    if (device?.kind?.kind !== "vrf") return;
    const link = linkGet(socket, { name: call.environment.ifname });
    if (link?.master === device.index) socket.request(linkSet(link.index, { master: 0 }));
    if (linkDump(socket, { master: device.index }).length === 0) socket.batch([linkDelete(device.index)]);
  });
}

function check(call: Call): void {
  const { vrfname, table } = vrfConfig(call.config);
  if (previousResult(call.config) === undefined) throw failure("missing prevResult from earlier plugin");
  const { ifname } = call.environment;
  inContainer(call, (socket) => {
    const device = findVrf(socket, vrfname);
    if (device === undefined) throw failure(`VRF ${vrfname} not found`);
    if (table !== undefined && device.table !== table) {
      throw failure(`VRF ${vrfname} already exist with different routing table ${device.table}`);
    }
    if (!device.up) throw failure(`VRF ${vrfname} is down`);
    if (linkGet(socket, { name: ifname })?.master === device.index) return;
    throw failure(`failed to find ${ifname} associated to vrf ${vrfname}`);
  });
}

/** Everything is in the container's namespace, and goes with it. */
function gc({ config }: Call): void {
  validAttachments(config);
}

function status({ config }: Call): void {
  vrfConfig(config);
}
