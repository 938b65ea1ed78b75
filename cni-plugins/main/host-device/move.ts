// Moving a device into a container and back. While it is there its alias is the name it had on the host, as with the
// reference plugin, so that either can bring back what the other moved; an alternative name says whose it is.
import { NetlinkError } from "#kernel/netlink/error";
import { linkAltNames, linkDump, linkGet, linkSet, type Link } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import type { Sys } from "#kernel/sys";
import { validAttachments } from "../../attachments.ts";
import { failure, runAll } from "../../error.ts";
import { namedNamespaces, socketIn } from "../../interface/detach.ts";
import { requireFreeName } from "../../interface/make.ts";
import { attachmentAltName, networkAltName } from "../../interface/marks.ts";
import type { Undo } from "../../interface/undo.ts";
import type { Call } from "../../plugin.ts";

const OWN_NETNS = "/proc/thread-self/ns/net";
const O_RDONLY = 0;
/** The kernel puts a number in place of %d: for a device whose own name is taken by now. */
const ANY_NAME = "dev%d";

function markOf({ config, environment }: Call): string {
  return attachmentAltName(config.name, environment.containerId, environment.ifname);
}

function socketInside({ machine, netns }: Call): NetlinkSocket {
  return withNetns(machine.sys, netns!, () => NetlinkSocket.open(machine.sys));
}

/** Moves and renames in one request. */
export function moveIn(call: Call, host: NetlinkSocket, device: Link, undo: Undo): void {
  const { ifname } = call.environment;
  using inside = socketInside(call);
  requireFreeName(inside, ifname);
  const mark = markOf(call);
  mutate(() => host.request(linkAltNames(device.index, "add", [mark])));
  undo.add(() => mutate(() => host.request(linkAltNames({ name: device.name }, "remove", [mark]))));
  try {
    host.request(linkSet(device.index, { netnsFd: call.netns!, name: ifname, alias: device.name }));
  } catch (error) {
    throw failure(`failed to move ${JSON.stringify(device.name)} to container: ${(error as Error).message}`, error);
  }
  undo.add(() => moveOut(call));
}

/** Kernels before 5.5 have no alternative names: DEL goes by the interface's name then, and GC finds nothing. */
function mutate(step: () => void): void {
  try {
    step();
  } catch (error) {
    if (error instanceof NetlinkError) return;
    throw error;
  }
}

/** Brings the attachment's device back, from the container or from where the kernel put it when the container ended. */
export function moveOut(call: Call): void {
  const { sys } = call.machine;
  const mark = markOf(call);
  using host = NetlinkSocket.open(sys);
  if (call.netns !== undefined) {
    using inside = socketInside(call);
    const named = linkGet(inside, { name: call.environment.ifname });
    const device = linkGet(inside, { name: mark }) ?? (isMoved(named) ? named : undefined);
    if (device !== undefined) bringBack(sys, inside, device);
  }
  const returned = linkGet(host, { name: mark });
  if (returned !== undefined) restore(host, returned);
}

/** Whether the reference plugin moved it: it has an alias that could be a device's, and no mark of another attachment. */
function isMoved(link: Link | undefined): boolean {
  if (link?.alias === undefined || link.alias === "" || link.alias.includes(":")) return false;
  return link.altNames?.some((name) => name.startsWith(networkAltName("").slice(0, -1))) !== true;
}

function bringBack(sys: Sys, inside: NetlinkSocket, device: Link): void {
  const name = device.alias || device.name;
  const own = sys.open(OWN_NETNS, O_RDONLY);
  const marks = (device.altNames ?? []).filter(isMark);
  try {
    const move = (to: string): void =>
      void inside.request(linkSet(device.index, { netnsFd: own, name: to, up: false, alias: "" }));
    if (marks.length > 0) mutate(() => inside.request(linkAltNames(device.index, "remove", marks)));
    try {
      move(name);
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.symbol !== "EEXIST") throw error;
      move(ANY_NAME);
    }
  } catch (error) {
    throw failure(`failed to move ${JSON.stringify(device.name)} to host: ${(error as Error).message}`, error);
  } finally {
    sys.close(own);
  }
}

/** Gives a device that is on the host its name back, and takes our marks from it. */
function restore(host: NetlinkSocket, device: Link): void {
  const marks = (device.altNames ?? []).filter(isMark);
  host.request(linkSet(device.index, { up: false }));
  if (marks.length > 0) host.request(linkAltNames(device.index, "remove", marks));
  const name = device.alias || device.name;
  mutate(() => name !== device.name && host.request(linkSet(device.index, { name })));
  host.request(linkSet(device.index, { alias: "" }));
}

function isMark(name: string): boolean {
  return name.startsWith("loden-cni:");
}

/** Brings back the devices of a network that are of no valid attachment. */
export function collectDevices(call: Call): void {
  const valid = validAttachments(call.config);
  if (valid === undefined) return;
  const { sys } = call.machine;
  const { name: network } = call.config;
  const kept = new Set(valid.map(({ containerId, ifname }) => attachmentAltName(network, containerId, ifname)));
  const isStale = ({ altNames = [] }: Link): boolean =>
    altNames.some((name) => name.startsWith(networkAltName(network)) && !kept.has(name));
  using host = NetlinkSocket.open(sys);
  const steps = linkDump(host)
    .filter(isStale)
    .map((device) => () => restore(host, device));
  runAll([
    ...steps,
    ...namedNamespaces().map((path) => () => {
      using inside = socketIn(sys, path);
      const devices = inside === undefined ? [] : linkDump(inside).filter(isStale);
      runAll(devices.map((device) => () => bringBack(sys, inside!, device)));
    }),
  ]);
}
