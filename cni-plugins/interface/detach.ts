// DEL and GC of what interface plugins make: links in containers and their ends on the host, each told by its mark.
import { NetlinkError } from "#kernel/netlink/error";
import { linkDelete, linkDump, linkGet, type Link, type LinkRef } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { openNetns, withNetns } from "#kernel/netns";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import { validAttachments, type Attachment } from "../attachments.ts";
import { ipamType } from "../config.ts";
import { inContext, runAll } from "../error.ts";
import type { Call } from "../plugin.ts";
import { attachmentAlias, hostVethName, isMarked, networkAlias, passingName, unfinishedGroup } from "./marks.ts";

/** Where runtimes and `ip netns` keep namespaces by name. */
const NAMED_NAMESPACES = "/run/netns";

/** DEL of a plugin that makes one interface in the container. */
export function detachInterface(call: Call, kind: string): void {
  runAll(inOrder(call, () => removeContainerLink(call, kind)));
}

/**
 * Removing the link and freeing its address. The link goes first, as nobody else may get the address while it is in use;
 * but for dhcp, which gives the address back over the link.
 */
export function inOrder(call: Call, removeLink: () => void): readonly (() => void)[] {
  const release = (): void => releaseAddresses(call);
  return call.config.fields.object("ipam")?.raw("type") === "dhcp" ? [release, removeLink] : [removeLink, release];
}

/** Frees what IPAM gave. The section is read without the rest, so that a bad option is no obstacle. */
export function releaseAddresses(call: Call): void {
  const type = ipamType(call.config);
  if (type !== undefined) call.delegates.del(type, call.config.document);
}

/** Removes the attachment's link, if the namespace is there and the link is of the kind and not another attachment's. */
export function removeContainerLink(call: Call, kind: string): void {
  const { config, environment, machine, netns } = call;
  if (netns === undefined) return;
  const { containerId, ifname } = environment;
  const ours = attachmentAlias(config.name, containerId, ifname);
  using socket = withNetns(machine.sys, netns, () => NetlinkSocket.open(machine.sys));
  for (const name of [ifname, passingName(config.name, containerId, ifname)]) {
    const link = findLink(socket, name);
    if (link?.kind?.kind !== kind || (isMarked(link.alias) && link.alias !== ours)) continue;
    removeIfPresent(socket, link.index);
  }
}

/** Removes the attachment's veth pair by whichever of its ends can be found. */
export function removeVeth(call: Call): void {
  removeContainerLink(call, "veth");
  const { config, environment, machine } = call;
  const { containerId, ifname } = environment;
  // The namespace's name may be gone while something in it keeps it alive.
  using socket = NetlinkSocket.open(machine.sys);
  const name = hostVethName(config.name, containerId, ifname);
  const link = findLink(socket, name);
  if (link === undefined) return;
  const isOurs = link.alias === attachmentAlias(config.name, containerId, ifname);
  if (isOurs || isUnfinished(link, config.name)) removeIfPresent(socket, link.index);
}

/** Whether a link was left by a process that ended before it gave the link its mark. */
function isUnfinished({ alias, group }: Link, network: string): boolean {
  return alias === undefined && group === unfinishedGroup(network);
}

/** Most links that DEL looks for are gone, and to learn that takes no waiting for the kernel's lock. */
function findLink(socket: NetlinkSocket, name: string): Link | undefined {
  return socket.linkIndex(name) === undefined ? undefined : linkGet(socket, { name });
}

function removeIfPresent(socket: NetlinkSocket, link: LinkRef): void {
  try {
    socket.request(linkDelete(link));
  } catch (error) {
    if (error instanceof NetlinkError && error.symbol === "ENODEV") return;
    const name = typeof link === "number" ? `link ${link}` : JSON.stringify(link.name);
    throw inContext(`failed to delete ${name}`, error);
  }
}

/** GC of a plugin that makes one interface in the container. */
export function collectInterfaces(call: Call, kind: string): void {
  const valid = validAttachments(call.config);
  if (valid === undefined) return;
  runAll([() => collectContainerLinks(call, kind, valid), () => collectAddresses(call)]);
}

export function collectAddresses(call: Call): void {
  const type = ipamType(call.config);
  if (type !== undefined) call.delegates.gc(type, call.config.document);
}

/** Deletes the host's links of a kind that bear this network's mark and none of the valid attachments'. */
export function collectHostLinks(call: Call, kind: string, valid: readonly Attachment[]): void {
  using socket = NetlinkSocket.open(call.machine.sys);
  removeStale(socket, call, kind, valid);
}

/**
 * The same in the namespaces that have a name. A link goes with its namespace, so that this is for namespaces that
 * outlive an attachment.
 */
export function collectContainerLinks(call: Call, kind: string, valid: readonly Attachment[]): void {
  const { sys } = call.machine;
  runAll(
    namedNamespaces().map((path) => () => {
      using socket = socketIn(sys, path);
      if (socket !== undefined) removeStale(socket, call, kind, valid);
    }),
  );
}

export function namedNamespaces(): string[] {
  try {
    const names = process.getBuiltinModule("node:fs").readdirSync(NAMED_NAMESPACES);
    return names.map((name) => `${NAMED_NAMESPACES}/${name}`);
  } catch {
    return [];
  }
}

/** Undefined for what is no namespace, or has just gone. */
export function socketIn(sys: Sys, path: string): NetlinkSocket | undefined {
  try {
    const netns = openNetns(sys, path);
    try {
      return withNetns(sys, netns, () => NetlinkSocket.open(sys));
    } finally {
      sys.close(netns);
    }
  } catch (error) {
    if (error instanceof LodenError && error.code === "ERR_NETNS") return undefined;
    throw error;
  }
}

function removeStale(socket: NetlinkSocket, call: Call, kind: string, valid: readonly Attachment[]): void {
  const stale = staleLinks(linkDump(socket, { kind }), call.config.name, valid);
  runAll(
    stale.map(
      ({ index }) =>
        () =>
          removeIfPresent(socket, index),
    ),
  );
}

/** The links that bear a network's mark and none of the valid attachments', and those that did not come to bear one. */
function staleLinks(links: readonly Link[], network: string, valid: readonly Attachment[]): Link[] {
  const mark = networkAlias(network);
  const kept = new Set(valid.map(({ containerId, ifname }) => attachmentAlias(network, containerId, ifname)));
  return links.filter(
    (link) => isUnfinished(link, network) || (link.alias?.startsWith(mark) === true && !kept.has(link.alias)),
  );
}
