// macvlan: gives a container an interface with a MAC of its own on a device of the host. README.md tells what differs
// from the reference plugin.
import { failure } from "../../error.ts";
import { attachInterface } from "../../interface/attach.ts";
import { collectInterfaces, detachInterface } from "../../interface/detach.ts";
import { inspectInterface } from "../../interface/inspect.ts";
import { makeContainerLink } from "../../interface/make.ts";
import { findMaster, masterSocket, requireKind, requireMaster, requireMtu } from "../../interface/master.ts";
import type { Undo } from "../../interface/undo.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { macvlanConfig, type MacvlanConfig } from "./config.ts";

const KIND = "macvlan";

export const macvlan: Plugin = {
  name: KIND,
  usesNetns: true,
  add,
  del: (call) => detachInterface(call, KIND),
  check,
  gc: (call) => collectInterfaces(call, KIND),
  status,
};

function add(call: Call): Result {
  const config = macvlanConfig(call.config, call.environment.args);
  return attachInterface(call, { ...config, make: (undo) => make(call, config, undo) });
}

function make(call: Call, config: MacvlanConfig, undo: Undo): void {
  const { mode, mac, mtu, broadcastQueueLength } = config;
  using socket = masterSocket(call, config.linkInContainer);
  const master = findMaster(socket, config.master);
  requireMtu(mtu, master);
  const kind = { kind: KIND, mode, ...(broadcastQueueLength === undefined ? {} : { broadcastQueueLength }) } as const;
  makeContainerLink(call, socket, { kind, parent: master.index, mtu, mac }, undo);
}

function check(call: Call): void {
  const config = macvlanConfig(call.config, call.environment.args);
  using socket = masterSocket(call, config.linkInContainer);
  const master = findMaster(socket, config.master);
  requireMtu(config.mtu, master);
  inspectInterface(call, KIND, ({ link }) => {
    if (link.parent !== master.index) throw failure(`Container macvlan ${link.name} is not on master ${master.name}`);
    const mode = link.kind?.kind === KIND ? link.kind.mode : undefined;
    if (mode !== config.mode)
      throw failure(`Container macvlan mode ${String(mode)} does not match expected value: ${config.mode}`);
    if (config.mtu !== undefined && link.mtu !== config.mtu) {
      throw failure(`Container macvlan MTU ${link.mtu} does not match expected value: ${config.mtu}`);
    }
  });
}

function status(call: Call): void {
  const config = macvlanConfig(call.config, "");
  using socket = masterSocket(call, false);
  requireKind(socket, { kind: KIND, mode: config.mode });
  if (!config.linkInContainer) requireMtu(config.mtu, requireMaster(socket, config.master));
  if (config.ipam !== undefined) call.delegates.status(config.ipam, call.config.document);
}
