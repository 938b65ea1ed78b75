// bandwidth: holds what goes to a container and comes from it to rates. The reference plugin's counterpart; README.md tells
// what differs. To the container: a queue on the host's end of its veth pair. From it: what that end receives is sent
// through a device of its own (ifb), as only what is sent can wait.
import { linkDelete, linkDump, linkGet, linkNew, linkSet, type Link } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import { withNetns } from "#kernel/netns";
import { validAttachments } from "../../attachments.ts";
import { previousResult } from "../../config.ts";
import { failure, inContext, runAll } from "../../error.ts";
import { attachmentAlias, isMarked, networkAlias } from "../../interface/marks.ts";
import { Undo } from "../../interface/undo.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { sha512Hex } from "../../rules/sha512.ts";
import { bandwidthConfig, type BandwidthConfig, type Limit } from "./config.ts";
import {
  checkShaping,
  isRedirected,
  redirectRequests,
  shapingRequests,
  unredirectRequest,
  unshapingRequest,
} from "./shape.ts";

export const bandwidth: Plugin = {
  name: "bandwidth",
  usesNetns: true,
  // Results before that name no interfaces, and so not the host's end.
  since: "0.3.0",
  add,
  del,
  check,
  gc,
  status,
};

const IFB_PREFIX = "bwp";
/** Hexadecimal digits behind it: names have 15 bytes. */
const IFB_HASH_LENGTH = 12;
/** Packets: the queue of a class, whose length it is. */
const QUEUE_LENGTH = 1000;

/**
 * The ifb's name: the reference plugin's, in which the interface does not occur, and one for a second attachment of the
 * container to the network.
 */
function ifbNames({ config, environment }: Call): readonly [string, string] {
  const { containerId, ifname } = environment;
  const name = (text: string): string => IFB_PREFIX + sha512Hex(text).slice(0, IFB_HASH_LENGTH);
  return [name(config.name + containerId), name(`${config.name}:${containerId}:${ifname}`)];
}

function aliasOf({ config, environment }: Call): string {
  return attachmentAlias(config.name, environment.containerId, environment.ifname);
}

/** This attachment's ifbs. One without a mark of ours is the reference plugin's. */
function ownIfbs(call: Call, socket: NetlinkSocket): Link[] {
  const alias = aliasOf(call);
  return ifbNames(call).flatMap((name) => {
    const link = linkGet(socket, { name });
    const isOwn = link?.kind?.kind === "ifb" && (link.alias === alias || !isMarked(link.alias));
    return link !== undefined && isOwn ? [link] : [];
  });
}

/** The host's end of the container's veth pair, which the previous result must name. */
function hostEnd(call: Call, socket: NetlinkSocket, result: Result): Link {
  const { ifname } = call.environment;
  if (result.interfaces.length === 0) throw failure("no interfaces provided: prevResult has none");
  const { sys } = call.machine;
  using inside = withNetns(sys, call.netns!, () => NetlinkSocket.open(sys));
  const index = linkGet(inside, { name: ifname })?.parent;
  if (index === undefined) throw failure(`container interface ${ifname} has no veth peer`);
  const link = linkGet(socket, { index });
  if (link?.kind?.kind !== "veth") throw failure(`veth peer with index ${index} is not in host ns`);
  if (result.interfaces.some(({ name, sandbox }) => sandbox === undefined && name === link.name)) return link;
  throw failure(`no veth peer of container interface found in host ns: prevResult does not name ${link.name}`);
}

function add(call: Call): Result {
  const config = bandwidthConfig(call.config);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("must be called as chained plugin");
  if (config.ingress === undefined && config.egress === undefined) return result;
  using socket = NetlinkSocket.open(call.machine.sys);
  const undo = new Undo();
  try {
    const host = hostEnd(call, socket, result);
    const { ingress, egress, choice } = config;
    if (ingress !== undefined) {
      undo.add(() => socket.request(unshapingRequest(host.index)));
      send(socket, "create ingress qdisc", shapingRequests(host.index, ingress, choice, "source"));
    }
    if (egress === undefined) return result;
    const ifb = limitEgress(call, socket, host, egress, config, undo);
    const mac = ifb.mac === undefined ? {} : { mac: ifb.mac.text };
    return { ...result, interfaces: [...result.interfaces, { name: ifb.name, ...mac }] };
  } catch (error) {
    undo.run();
    throw error;
  }
}

function limitEgress(
  call: Call,
  socket: NetlinkSocket,
  host: Link,
  limit: Limit,
  { choice }: BandwidthConfig,
  undo: Undo,
): Link {
  // What an earlier ADD of this attachment left; refusals say that there is nothing.
  socket.batch([...ownIfbs(call, socket).map(({ index }) => linkDelete(index)), unredirectRequest(host.index)]);
  const [shared, own] = ifbNames(call);
  const name = linkGet(socket, { name: shared }) === undefined ? shared : own;
  undo.add(() => socket.request(linkDelete({ name })));
  send(socket, "adding link", [
    linkNew({ name, mtu: host.mtu, txQueueLength: QUEUE_LENGTH, kind: { kind: "ifb" } }),
    linkSet({ name }, { alias: aliasOf(call), up: true }),
  ]);
  const ifb = linkGet(socket, { name });
  if (ifb === undefined) throw failure(`get ifb device: ${name} was removed while it was being set up`);
  undo.add(() => socket.request(unredirectRequest(host.index)));
  send(socket, "create egress qdisc", [
    ...shapingRequests(ifb.index, limit, choice, "destination"),
    ...redirectRequests(host.index, ifb.index),
  ]);
  return ifb;
}

function send(socket: NetlinkSocket, what: string, messages: readonly Message[]): void {
  const refused = socket.batch(messages).find((outcome) => outcome !== undefined);
  if (refused !== undefined) throw inContext(what, refused);
}

function del(call: Call): void {
  using socket = NetlinkSocket.open(call.machine.sys);
  const ifbs = ownIfbs(call, socket);
  if (ifbs.length === 0) return;
  stopRedirecting(call, socket);
  removeLinks(socket, ifbs);
}

/** What is sent to a device that is gone is lost: the container is to go on sending until its interface goes. */
function stopRedirecting(call: Call, socket: NetlinkSocket): void {
  const { environment, machine, netns } = call;
  if (netns === undefined) return;
  using inside = withNetns(machine.sys, netns, () => NetlinkSocket.open(machine.sys));
  const index = linkGet(inside, { name: environment.ifname })?.parent;
  if (index !== undefined) socket.batch([unredirectRequest(index)]);
}

function removeLinks(socket: NetlinkSocket, links: readonly Link[]): void {
  runAll(
    links.map(({ index }) => () => {
      // Another DEL may have been quicker.
      if (linkGet(socket, { index }) !== undefined) socket.request(linkDelete(index));
    }),
  );
}

function check(call: Call): void {
  const { ingress, egress, choice } = bandwidthConfig(call.config);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("must be called as a chained plugin");
  using socket = NetlinkSocket.open(call.machine.sys);
  const host = hostEnd(call, socket, result);
  if (ingress !== undefined) checkShaping(socket, host, ingress, choice, "source");
  if (egress === undefined) return;
  const [ifb] = ownIfbs(call, socket);
  if (ifb === undefined) throw failure(`get ifb device: ${ifbNames(call)[0]} not found`);
  if (!ifb.up) throw failure(`ifb device ${ifb.name} is down`);
  checkShaping(socket, ifb, egress, choice, "destination");
  if (isRedirected(socket, host.index, ifb.index)) return;
  throw failure(`Failed to find filter of ${host.name}: what it receives is not sent through ${ifb.name}`);
}

function gc({ config, machine }: Call): void {
  const valid = validAttachments(config);
  if (valid === undefined) return;
  const mark = networkAlias(config.name);
  const kept = new Set(valid.map(({ containerId, ifname }) => attachmentAlias(config.name, containerId, ifname)));
  using socket = NetlinkSocket.open(machine.sys);
  const isStale = ({ alias }: Link): boolean => alias !== undefined && alias.startsWith(mark) && !kept.has(alias);
  removeLinks(socket, linkDump(socket, { kind: "ifb" }).filter(isStale));
}

/** What ADD needs is in the kernel or not, which shows only by making it; the configuration can be looked at. */
function status({ config }: Call): void {
  bandwidthConfig(config);
}
