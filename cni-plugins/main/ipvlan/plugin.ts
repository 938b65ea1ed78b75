// ipvlan: gives a container an interface that shares the MAC of a device of the host. README.md tells what differs from
// the reference plugin.
import { failure, invalidConfig } from "../../error.ts";
import { attachInterface } from "../../interface/attach.ts";
import { collectInterfaces, detachInterface } from "../../interface/detach.ts";
import { inspectInterface } from "../../interface/inspect.ts";
import { makeContainerLink } from "../../interface/make.ts";
import { findMaster, masterSocket, requireKind, requireMaster, requireMtu } from "../../interface/master.ts";
import type { Undo } from "../../interface/undo.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { chainedAddresses, chainedMaster, ipvlanConfig, type IpvlanConfig } from "./config.ts";

const KIND = "ipvlan";

export const ipvlan: Plugin = {
  name: KIND,
  usesNetns: true,
  add,
  del: (call) => detachInterface(call, KIND),
  check,
  gc: (call) => collectInterfaces(call, KIND),
  status,
};

function add(call: Call): Result {
  const config = ipvlanConfig(call.config);
  const { ipam, enabledad, dns } = config;
  const given = chainedAddresses(call.config, config);
  if (ipam === undefined && given === undefined) {
    throw invalidConfig("ipvlan needs ipam, or a previous plugin's result with addresses");
  }
  const plan = { ipam, enabledad, dns, make: (undo: Undo) => make(call, config, undo) };
  return attachInterface(call, given === undefined ? plan : { ...plan, given });
}

function make(call: Call, config: IpvlanConfig, undo: Undo): void {
  using socket = masterSocket(call, config.linkInContainer);
  const master = findMaster(socket, chainedMaster(call.config, config));
  requireMtu(config.mtu, master);
  const kind = { kind: KIND, mode: config.mode } as const;
  makeContainerLink(call, socket, { kind, parent: master.index, mtu: config.mtu, mac: undefined }, undo);
}

function check(call: Call): void {
  const config = ipvlanConfig(call.config);
  inspectInterface(call, KIND, ({ link }) => {
    const mode = link.kind?.kind === KIND ? link.kind.mode : undefined;
    if (mode !== config.mode)
      throw failure(`Container ipvlan mode ${String(mode)} does not match expected value: ${config.mode}`);
    if (config.mtu !== undefined && link.mtu !== config.mtu) {
      throw failure(`Container ipvlan MTU ${link.mtu} does not match expected value: ${config.mtu}`);
    }
    // The result that CHECK gets is the whole chain's, so that only a master that is named can be compared.
    if (config.master === undefined) return;
    using socket = masterSocket(call, config.linkInContainer);
    const master = findMaster(socket, config.master);
    if (link.parent !== master.index) throw failure(`Container ipvlan ${link.name} is not on master ${master.name}`);
  });
}

function status(call: Call): void {
  const config = ipvlanConfig(call.config);
  using socket = masterSocket(call, false);
  requireKind(socket, { kind: KIND, mode: config.mode });
  // Without IPAM it is chained, and the plugin before names the master.
  const isChained = config.ipam === undefined && config.master === undefined;
  if (!config.linkInContainer && !isChained) requireMtu(config.mtu, requireMaster(socket, config.master));
  if (config.ipam !== undefined) call.delegates.status(config.ipam, call.config.document);
}
