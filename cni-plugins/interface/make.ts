// Making a link in the container. The kernel refuses a name that the namespace of the request has, wherever the link is
// to go; so a link is made under a name of its own, and gets the container's name there.
import type { Mac } from "#kernel/ip/mac";
import { NetlinkError } from "#kernel/netlink/error";
import { linkDelete, linkGet, linkNew, linkSet, type LinkKind } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import { failure } from "../error.ts";
import type { Call } from "../plugin.ts";
import { removeContainerLink } from "./detach.ts";
import { attachmentAlias, passingName } from "./marks.ts";
import type { Undo } from "./undo.ts";

export interface ContainerLink {
  readonly kind: LinkKind;
  /** Index of the device below, in the namespace that the request is made in. */
  readonly parent?: number;
  readonly mtu: number | undefined;
  readonly mac: Mac | undefined;
}

/**
 * Makes the link, down, and names it for the container.
 * @param socket of the namespace that `parent` is in: the host's or the container's
 */
export function makeContainerLink(call: Call, socket: NetlinkSocket, link: ContainerLink, undo: Undo): void {
  const { containerId, ifname } = call.environment;
  const { kind, parent, mtu, mac } = link;
  const name = passingName(call.config.name, containerId, ifname);
  using inside = withNetns(call.machine.sys, call.netns!, () => NetlinkSocket.open(call.machine.sys));
  requireFreeName(inside, ifname);
  // Left over from an ADD that was killed.
  const leftover = linkGet(inside, { name });
  if (leftover?.kind?.kind === kind.kind) inside.request(linkDelete(leftover.index));
  try {
    socket.request(
      linkNew({
        name,
        kind,
        netnsFd: call.netns!,
        ...(parent === undefined ? {} : { parent }),
        ...(mtu === undefined ? {} : { mtu }),
        ...(mac === undefined ? {} : { mac }),
      }),
    );
  } catch (error) {
    throw failure(`failed to create ${kind.kind}: ${reasonOf(error, kind.kind)}`, error);
  }
  undo.add(() => removeContainerLink(call, kind.kind));
  const made = linkGet(inside, { name });
  if (made === undefined) throw failure(`the ${kind.kind} ${name} was removed while it was being set up`);
  const alias = attachmentAlias(call.config.name, containerId, ifname);
  try {
    inside.request(linkSet(made.index, { name: ifname, alias }));
  } catch (error) {
    throw failure(`failed to rename ${kind.kind} to ${JSON.stringify(ifname)}: ${(error as Error).message}`, error);
  }
}

/** @throws CniError 999 when the container has an interface of that name */
export function requireFreeName(inside: NetlinkSocket, ifname: string): void {
  if (linkGet(inside, { name: ifname }) === undefined) return;
  throw failure(`${JSON.stringify(ifname)} already exists in the container; delete it, or choose another CNI_IFNAME`);
}

function reasonOf(error: unknown, kind: string): string {
  const { message } = error as Error;
  const isUnknown = error instanceof NetlinkError && error.symbol === "EOPNOTSUPP";
  return isUnknown ? `${message} (this kernel has no ${kind} devices; load the module ${kind})` : message;
}
