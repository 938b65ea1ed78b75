// dummy: gives a container an interface that leads nowhere, to carry addresses. README.md tells what differs from the
// reference plugin.
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import { invalidConfig } from "../../error.ts";
import { attachInterface } from "../../interface/attach.ts";
import { collectInterfaces, detachInterface } from "../../interface/detach.ts";
import { inspectInterface } from "../../interface/inspect.ts";
import { makeContainerLink } from "../../interface/make.ts";
import { requireKind } from "../../interface/master.ts";
import { readInterfaceOptions, readMtu } from "../../interface/options.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";

const KIND = "dummy";

export const dummy: Plugin = {
  name: KIND,
  usesNetns: true,
  add,
  del: (call) => detachInterface(call, KIND),
  check: (call) => inspectInterface(call, KIND, () => {}),
  gc: (call) => collectInterfaces(call, KIND),
  status,
};

function add(call: Call): Result {
  const options = readInterfaceOptions(call.config);
  if (options.ipam === undefined) throw invalidConfig("dummy interfaces require an IPAM plugin: ipam.type is empty");
  const mtu = readMtu(call.config.fields);
  return attachInterface(call, {
    ...options,
    make(undo) {
      using inside = withNetns(call.machine.sys, call.netns!, () => NetlinkSocket.open(call.machine.sys));
      makeContainerLink(call, inside, { kind: { kind: KIND }, mtu, mac: undefined }, undo);
    },
  });
}

function status(call: Call): void {
  const { ipam } = readInterfaceOptions(call.config);
  using socket = NetlinkSocket.open(call.machine.sys);
  requireKind(socket, { kind: KIND });
  if (ipam !== undefined) call.delegates.status(ipam, call.config.document);
}
