// tuning: sysctls of the container's namespace and attributes of its interface. The reference plugin's counterpart; README.md
// tells what differs.
import { LINK_FLAG, linkGet, linkSet, type Link } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import { readSysctl, writeSysctl } from "#kernel/sysctl";
import { attachmentOf, validAttachments, type NetworkAttachment } from "../../attachments.ts";
import { previousResult } from "../../config.ts";
import { failure, inContext, runAll } from "../../error.ts";
import { Undo } from "../../interface/undo.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { BackupDirectory, linkChange } from "./backup.ts";
import { dataDirectory, requireAllowed, sysctlPathOf, tuningConfig, type TuningConfig } from "./config.ts";

export const tuning: Plugin = { name: "tuning", usesNetns: true, add, del, check, gc, status };

function backups({ config, machine }: Call): BackupDirectory {
  return new BackupDirectory(machine.sys, dataDirectory(config));
}

function add(call: Call): Result {
  const { environment, machine } = call;
  const { ifname } = environment;
  const config = tuningConfig(call.config, environment.args);
  requireAllowed(machine.sys, config);
  const paths = [...config.sysctl].map(([key, value]) => [sysctlPathOf(key, ifname), value] as const);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("Required prevResult missing");
  const undo = new Undo();
  try {
    withNetns(machine.sys, call.netns!, () => {
      for (const [path, value] of paths) setSysctl(path, value, undo);
      changeLink(call, config, undo);
    });
  } catch (error) {
    withNetns(machine.sys, call.netns!, () => undo.run());
    throw error;
  }
  return changedResult(result, config, ifname);
}

function setSysctl(path: string, value: string, undo: Undo): void {
  const before = readSysctl(path);
  writeSysctl(path, value);
  if (before !== undefined) undo.add(() => writeSysctl(path, before));
}

function changeLink(call: Call, config: TuningConfig, undo: Undo): void {
  const change = linkChange(config);
  if (change === undefined) return;
  const { ifname } = call.environment;
  using socket = NetlinkSocket.open(call.machine.sys);
  const link = linkGet(socket, { name: ifname });
  if (link === undefined) throw failure(`failed to get ${JSON.stringify(ifname)}: Link not found`);
  const directory = backups(call);
  const owner = attachmentOf(call);
  const isFirst = directory.keep(owner, link, config);
  undo.add(() => {
    // What an earlier ADD changed stays changed, and its backup with it.
    if (isFirst) directory.remove(owner);
  });
  const restoration = directory.restoration(owner);
  try {
    socket.request(linkSet(link.index, change));
  } catch (error) {
    // The kernel may have done a part.
    if (isFirst && restoration !== undefined) socket.batch([linkSet(link.index, restoration)]);
    throw inContext(`failed to change ${ifname}`, error);
  }
}

/** The previous result with what was changed of the container's interface. */
function changedResult(result: Result, { mac, mtu }: TuningConfig, ifname: string): Result {
  return {
    ...result,
    interfaces: result.interfaces.map((item) =>
      item.name !== ifname || item.sandbox === undefined
        ? item
        : {
            ...item,
            ...(mac === undefined ? {} : { mac: mac.text }),
            ...(mtu === undefined || item.mtu === undefined ? {} : { mtu }),
          },
    ),
  };
}

function del(call: Call): void {
  const { environment, machine, netns } = call;
  const directory = backups(call);
  const owner = attachmentOf(call);
  const restoration = directory.restoration(owner);
  if (netns !== undefined && restoration !== undefined) {
    using socket = withNetns(machine.sys, netns, () => NetlinkSocket.open(machine.sys));
    // An interface that is gone or does not take it any more is no reason to keep the container.
    const link = linkGet(socket, { name: environment.ifname });
    if (link !== undefined) socket.batch([linkSet(link.index, restoration)]);
  }
  directory.remove(owner);
}

function check(call: Call): void {
  const { environment, machine } = call;
  const { ifname } = environment;
  const config = tuningConfig(call.config, environment.args);
  if (previousResult(call.config) === undefined) throw failure("Required prevResult missing");
  withNetns(machine.sys, call.netns!, () => {
    for (const [key, value] of config.sysctl) checkSysctl(sysctlPathOf(key, ifname), value);
    using socket = NetlinkSocket.open(machine.sys);
    const link = linkGet(socket, { name: ifname });
    if (link === undefined) throw failure(`Cannot find container link ${ifname}`);
    checkLink(link, config);
  });
}

/** The kernel prints lists with tabs. */
function checkSysctl(path: string, value: string): void {
  const words = (text: string): string => text.trim().split(/\s+/).join(" ");
  const current = readSysctl(path) ?? "absent";
  if (words(current) === words(value)) return;
  throw failure(`Error: Tuning configured value of /proc/sys/${path} is ${value}, current value is ${current}`);
}

function checkLink(link: Link, { mac, promisc, mtu, allmulti, txQLen }: TuningConfig): void {
  const compare = (
    what: string,
    wanted: string | number | boolean | undefined,
    current: string | number | boolean,
  ): void => {
    if (wanted === undefined || wanted === current) return;
    throw failure(`Error: Tuning configured ${what} of ${link.name} is ${wanted}, current value is ${current}`);
  };
  compare("Ethernet", mac?.text, link.mac?.text ?? "");
  compare("promisc", promisc ? true : undefined, (link.promiscuity ?? 0) !== 0);
  compare("MTU", mtu, link.mtu);
  compare("all-multicast mode", allmulti, (link.flags & LINK_FLAG.allMulticast) !== 0);
  compare("Transmit Queue Length", txQLen, link.txQueueLength ?? 0);
}

/** Only the files outlive a namespace. */
function gc(call: Call): void {
  const valid = validAttachments(call.config);
  if (valid === undefined) return;
  const directory = backups(call);
  const isValid = (item: NetworkAttachment): boolean =>
    valid.some(({ containerId, ifname }) => containerId === item.containerId && ifname === item.ifname);
  const stale = directory.list().filter((item) => item.network === call.config.name && !isValid(item));
  runAll(stale.map((item) => () => directory.remove(item)));
}

function status({ config, environment, machine }: Call): void {
  requireAllowed(machine.sys, tuningConfig(config, environment.args));
}
