// tap: makes a TAP device in a container, for a virtual machine to attach to. README.md tells what differs from the
// reference plugin.
import { linkGet, linkSet } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import { CNI_ERROR, CniError, failure } from "../../error.ts";
import { attachInterface } from "../../interface/attach.ts";
import { collectInterfaces, detachInterface, removeContainerLink } from "../../interface/detach.ts";
import { inspectInterface } from "../../interface/inspect.ts";
import { requireFreeName } from "../../interface/make.ts";
import { attachmentAlias } from "../../interface/marks.ts";
import type { Undo } from "../../interface/undo.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { tapConfig, type TapConfig } from "./config.ts";
import { makeTap } from "./device.ts";

/** The kernel's kind of TUN and TAP devices. */
const KIND = "tun";
const DEVICE = "/dev/net/tun";

export const tap: Plugin = {
  name: "tap",
  usesNetns: true,
  add,
  del: (call) => detachInterface(call, KIND),
  check,
  gc: (call) => collectInterfaces(call, KIND),
  status,
};

function add(call: Call): Result {
  const config = tapConfig(call.config, call.environment.args);
  return attachInterface(call, { ...config, make: (undo) => make(call, config, undo) });
}

function make(call: Call, config: TapConfig, undo: Undo): void {
  const { machine, environment, netns } = call;
  const { containerId, ifname } = environment;
  const { mtu, mac, bridge } = config;
  using inside = withNetns(machine.sys, netns!, () => NetlinkSocket.open(machine.sys));
  requireFreeName(inside, ifname);
  const master = bridge === undefined ? undefined : linkGet(inside, { name: bridge });
  if (bridge !== undefined && master?.kind?.kind !== "bridge") {
    throw failure(`the container has no bridge ${JSON.stringify(bridge)}: \`bridge\` names one that is there`);
  }
  makeTap(machine.sys, netns!, ifname, config);
  undo.add(() => removeContainerLink(call, KIND));
  inside.request(
    linkSet(
      { name: ifname },
      {
        alias: attachmentAlias(call.config.name, containerId, ifname),
        ...(mtu === undefined ? {} : { mtu }),
        ...(mac === undefined ? {} : { mac }),
        ...(master === undefined ? {} : { master: master.index }),
      },
    ),
  );
}

function check(call: Call): void {
  const config = tapConfig(call.config, call.environment.args);
  inspectInterface(call, KIND, ({ link, socket }) => {
    if (link.kind?.kind === KIND && link.kind.mode !== "tap")
      throw failure(`Interface ${link.name} is not a TAP device`);
    if (config.bridge === undefined) return;
    const bridge = linkGet(socket, { name: config.bridge });
    if (bridge !== undefined && link.master === bridge.index) return;
    throw failure(`Interface ${link.name} is not a port of ${config.bridge}`);
  });
}

function status(call: Call): void {
  const { ipam } = tapConfig(call.config, "");
  if (typeof call.machine.sys.stat(DEVICE, true) === "number") {
    throw new CniError(CNI_ERROR.notAvailable, `${DEVICE} is missing: load the module tun`);
  }
  if (ipam !== undefined) call.delegates.status(ipam, call.config.document);
}
