// dhcp: an address from a DHCP server on the container's link. The daemon (daemon.ts) talks to the server and keeps the
// lease; the plugin asks the daemon. The reference plugin's counterpart; README.md tells what differs.
import { validAttachments } from "../../attachments.ts";
import { failure } from "../../error.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { NoDaemon, askDaemon } from "./client.ts";
import { dhcpConfig, socketPath } from "./config.ts";
import type { Method, Request } from "./protocol.ts";

export const dhcp: Plugin = { name: "dhcp", usesNetns: true, add, del, check, gc, status };

function requestOf({ config, environment }: Call, method: Method): Request {
  const { containerId, ifname, netns } = environment;
  const nothing = { requested: [], provided: new Map(), priority: undefined, valid: [] };
  return { method, network: config.name, containerId, ifname, netns, ...nothing };
}

function add(call: Call): Result {
  const { socket, ...options } = dhcpConfig(call.config, call.environment.args);
  const result = askDaemon(call.machine.sys, socket, { ...requestOf(call, "allocate"), ...options });
  if (result === undefined) throw failure("the DHCP daemon answered without an address");
  return result;
}

/** Without a daemon there is nobody who could give a lease back: the server takes it when its time is over. */
function del(call: Call): void {
  try {
    askDaemon(call.machine.sys, socketPath(call.config), requestOf(call, "release"));
  } catch (error) {
    if (!(error instanceof NoDaemon)) throw error;
  }
}

function check(call: Call): void {
  askDaemon(call.machine.sys, socketPath(call.config), requestOf(call, "check"));
}

function gc(call: Call): void {
  const valid = validAttachments(call.config);
  if (valid === undefined) return;
  try {
    askDaemon(call.machine.sys, socketPath(call.config), { ...requestOf(call, "collect"), valid });
  } catch (error) {
    if (!(error instanceof NoDaemon)) throw error;
  }
}

/** Whether the daemon is there. Whether a server answers is known only with a link to ask it over. */
function status(call: Call): void {
  const { socket } = dhcpConfig(call.config, "");
  askDaemon(call.machine.sys, socket, requestOf(call, "status"));
}
