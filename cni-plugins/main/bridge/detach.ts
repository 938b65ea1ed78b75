// DEL and GC: taking away what ADD made, each part whether or not the others are there.
import { linkDelete, linkDump, linkGet } from "#kernel/netlink/link";
import { NetlinkError } from "#kernel/netlink/error";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import type { LinkRef } from "#kernel/netlink/link";
import { validAttachments, type Attachment } from "../../attachments.ts";
import { ipamType } from "../../config.ts";
import { inContext, runAll } from "../../error.ts";
import type { Call } from "../../plugin.ts";
import { attachmentAlias, hostVethName, networkAlias } from "../../interface/marks.ts";
import { collectMasquerade, removeMasquerade } from "../../rules/masquerade.ts";
import { collectSpoofChecks, removeSpoofCheck } from "./spoof.ts";

/** The link goes before its address is freed: nobody else may get the address while it is in use. */
export function detach(call: Call): void {
  const { config, environment, machine } = call;
  const owner = { network: config.name, containerId: environment.containerId, ifname: environment.ifname };
  runAll([
    () => removeLink(call),
    () => {
      const type = ipamType(config);
      if (type !== undefined) call.delegates.del(type, config.document);
    },
    () => {
      if (config.fields.raw("macspoofchk") === true) removeSpoofCheck(machine.nftables(), owner);
    },
    () => {
      if (config.fields.raw("ipMasq") === true) removeMasquerade(machine, owner);
    },
  ]);
}

function removeLink({ config, environment, machine, netns }: Call): void {
  const { sys } = machine;
  const { containerId, ifname } = environment;
  if (netns !== undefined) {
    using socket = withNetns(sys, netns, () => NetlinkSocket.open(sys));
    removeIfPresent(socket, { name: ifname });
    return;
  }
  // The namespace's name is gone, which does not mean that the namespace is: something in it may keep it alive.
  using socket = NetlinkSocket.open(sys);
  const link = linkGet(socket, { name: hostVethName(config.name, containerId, ifname) });
  if (link?.alias === attachmentAlias(config.name, containerId, ifname)) removeIfPresent(socket, link.index);
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

export function collectGarbage(call: Call): void {
  const { config, machine } = call;
  const valid = validAttachments(config);
  if (valid === undefined) return;
  runAll([
    () => collectLinks(call, valid),
    () => {
      const type = ipamType(config);
      if (type !== undefined) call.delegates.gc(type, config.document);
    },
    () => {
      if (config.fields.raw("macspoofchk") === true) collectSpoofChecks(machine.nftables(), config.name, valid);
    },
    () => {
      if (config.fields.raw("ipMasq") === true) collectMasquerade(machine, config.name, valid);
    },
  ]);
}

/** Deletes the veths that bear this network's mark and none of the valid attachments'. */
function collectLinks({ config, machine }: Call, valid: readonly Attachment[]): void {
  const mark = networkAlias(config.name);
  const kept = new Set(valid.map(({ containerId, ifname }) => attachmentAlias(config.name, containerId, ifname)));
  using socket = NetlinkSocket.open(machine.sys);
  const stale = linkDump(socket, { kind: "veth" }).filter(
    ({ alias }) => alias !== undefined && alias.startsWith(mark) && !kept.has(alias),
  );
  runAll(
    stale.map(
      ({ index }) =>
        () =>
          removeIfPresent(socket, index),
    ),
  );
}
