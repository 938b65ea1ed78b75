// vlan: gives a container an interface in a VLAN of a device of the host. README.md tells what differs from the
// reference plugin.
import { failure, invalidConfig } from "../../error.ts";
import { attachInterface } from "../../interface/attach.ts";
import { collectInterfaces, detachInterface } from "../../interface/detach.ts";
import { inspectInterface } from "../../interface/inspect.ts";
import { makeContainerLink } from "../../interface/make.ts";
import { findMaster, masterSocket, requireKind, requireMaster, requireMtu, requireUp } from "../../interface/master.ts";
import type { Undo } from "../../interface/undo.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { vlanConfig, type VlanConfig } from "./config.ts";

const KIND = "vlan";

export const vlan: Plugin = {
  name: KIND,
  usesNetns: true,
  add,
  del: (call) => detachInterface(call, KIND),
  check,
  gc: (call) => collectInterfaces(call, KIND),
  status,
};

function add(call: Call): Result {
  const config = vlanConfig(call.config);
  if (config.ipam === undefined) throw invalidConfig("vlan needs an IPAM plugin: ipam.type is empty");
  return attachInterface(call, { ...config, make: (undo) => make(call, config, undo) });
}

function make(call: Call, config: VlanConfig, undo: Undo): void {
  using socket = masterSocket(call, config.linkInContainer);
  const master = findMaster(socket, config.master);
  requireUp(master);
  requireMtu(config.mtu, master);
  // A VLAN takes its master's MTU when it is made, and never follows it.
  const mtu = config.mtu ?? master.mtu;
  makeContainerLink(
    call,
    socket,
    { kind: { kind: KIND, id: config.id }, parent: master.index, mtu, mac: undefined },
    undo,
  );
}

function check(call: Call): void {
  const config = vlanConfig(call.config);
  using socket = masterSocket(call, config.linkInContainer);
  const master = findMaster(socket, config.master);
  requireMtu(config.mtu, master);
  inspectInterface(call, KIND, ({ link }) => {
    const id = link.kind?.kind === KIND ? link.kind.id : undefined;
    if (link.parent !== master.index) throw failure(`Container vlan ${link.name} is not on master ${master.name}`);
    if (id !== config.id)
      throw failure(`Error: Tuning link ${link.name} configured vlanid ${config.id} current value ${String(id)}`);
    if (config.mtu !== undefined && link.mtu !== config.mtu) {
      throw failure(`Error: Tuning configured MTU of ${link.name} is ${config.mtu}, current value is ${link.mtu}`);
    }
  });
}

function status(call: Call): void {
  const config = vlanConfig(call.config);
  using socket = masterSocket(call, false);
  requireKind(socket, { kind: KIND, id: config.id });
  if (!config.linkInContainer) requireMtu(config.mtu, requireMaster(socket, config.master, requireUp));
  if (config.ipam !== undefined) call.delegates.status(config.ipam, call.config.document);
}
