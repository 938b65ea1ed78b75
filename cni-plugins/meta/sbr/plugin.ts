// sbr: sends what a container sends from an address out by the interface that has it, by tables of their own (source based
// routing). The reference plugin's counterpart; README.md tells what differs.
import { addrDump } from "#kernel/netlink/addr";
import { linkGet } from "#kernel/netlink/link";
import { routeDelete, routeDump, routeNew } from "#kernel/netlink/route";
import { ruleDelete, ruleDump, ruleNew } from "#kernel/netlink/rule";
import { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import { withNetns } from "#kernel/netns";
import { validAttachments } from "../../attachments.ts";
import { previousResult } from "../../config.ts";
import { failure, inContext } from "../../error.ts";
import { Undo } from "../../interface/undo.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result, ResultAddress } from "../../result/types.ts";
import { interfaceAddresses, sbrConfig } from "./config.ts";
import { isFrom, planRoutes, sourceRule } from "./plan.ts";

export const sbr: Plugin = { name: "sbr", usesNetns: true, add, del, check, gc, status };

/** sys/file.h */
const LOCK_EX = 2;
/** errno.h */
const EEXIST = 17;
const ENOENT = 2;

/** A socket in the container's namespace, which no other sbr works in meanwhile: tables are chosen by what there is. */
function inContainer<T>({ machine, netns }: Call, use: (socket: NetlinkSocket) => T): T {
  const { sys } = machine;
  return withNetns(sys, netns!, () => {
    // The lock goes with the descriptor, which is this thread's own.
    const lock = sys.open("/proc/thread-self/ns/net", 0);
    try {
      sys.flock(lock, LOCK_EX);
      using socket = NetlinkSocket.open(sys);
      return use(socket);
    } finally {
      sys.close(lock);
    }
  });
}

function add(call: Call): Result {
  const config = sbrConfig(call.config);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("This plugin must be called as chained plugin");
  const { ifname } = call.environment;
  const ips = interfaceAddresses(result, ifname);
  inContainer(call, (socket) => {
    const { table } = config;
    const undo = new Undo();
    try {
      if (table === undefined) moveRoutes(call, socket, ips, undo);
      else addRules(socket, ips, table, undo);
    } catch (error) {
      undo.run();
      throw error;
    }
  });
  return result;
}

/** Sends messages whose way back is known. */
function send(socket: NetlinkSocket, what: string, steps: readonly (readonly [Message, Message])[], undo: Undo): void {
  const outcomes = socket.batch(
    steps.map(([message]) => message),
    EEXIST,
  );
  for (const [index, outcome] of outcomes.entries()) {
    const [, back] = steps[index]!;
    if (outcome === undefined) undo.add(() => socket.request(back));
  }
  const refused = outcomes.find((outcome) => outcome !== undefined);
  if (refused !== undefined) throw inContext(what, refused);
}

function addRules(socket: NetlinkSocket, ips: readonly ResultAddress[], table: number, undo: Undo): void {
  const present = ruleDump(socket);
  const rules = ips
    .filter(({ address }) => !present.some((rule) => rule.table === table && isFrom(rule, address.address)))
    .map((ip) => sourceRule(ip, table));
  send(
    socket,
    "failed to add rule",
    rules.map((rule) => [ruleNew(rule), ruleDelete(rule)]),
    undo,
  );
}

function moveRoutes(call: Call, socket: NetlinkSocket, ips: readonly ResultAddress[], undo: Undo): void {
  const { ifname } = call.environment;
  const link = linkGet(socket, { name: ifname });
  if (link === undefined) throw failure(`Cannot find network interface ${ifname}: Link not found`);
  const config = sbrConfig(call.config);
  const routes = routeDump(socket);
  const plan = planRoutes(ips, config, ruleDump(socket), routes, link.index);
  send(
    socket,
    "Failed to add rule",
    plan.rules.map((rule) => [ruleNew(rule), ruleDelete(rule)]),
    undo,
  );
  send(
    socket,
    "Failed to add route",
    plan.routes.map((route) => [routeNew(route, "replace"), routeDelete(route)]),
    undo,
  );
  const before = plan.hinted.map((hint) =>
    routes.find((route) => route.table === hint.table && route.destination.equals(hint.destination)),
  );
  send(
    socket,
    "Failed to add a source to a route",
    plan.hinted.map((route, index) => [routeNew(route, "replace"), routeNew(before[index] ?? route, "replace")]),
    undo,
  );
  send(
    socket,
    "Failed to delete route",
    plan.removed.map((route) => [routeDelete(route), routeNew(route, "replace")]),
    undo,
  );
}

/** Addresses by what the interface has, and by what it had: another DEL may have been there first. */
function del(call: Call): void {
  if (call.netns === undefined) return;
  const { ifname } = call.environment;
  const fixed = call.config.fields.raw("table");
  inContainer(call, (socket) => {
    const link = linkGet(socket, { name: ifname });
    const addresses =
      link === undefined ? [] : addrDump(socket, { index: link.index }).map(({ address }) => address.address);
    addresses.push(...knownAddresses(call));
    const rules = ruleDump(socket).filter(
      (rule) =>
        (typeof fixed !== "number" || rule.table === fixed) && addresses.some((address) => isFrom(rule, address)),
    );
    const refused = socket.batch(rules.map(ruleDelete), ENOENT).find((outcome) => outcome !== undefined);
    if (refused !== undefined) throw inContext("Failed to delete rule", refused);
  });
}

function knownAddresses({ config, environment }: Call) {
  try {
    const result = previousResult(config);
    if (result === undefined || result.ips.length === 0) return [];
    return interfaceAddresses(result, environment.ifname).map(({ address }) => address.address);
  } catch {
    // What cannot be read is of no help, and DEL goes on without.
    return [];
  }
}

function check(call: Call): void {
  const config = sbrConfig(call.config);
  const result = previousResult(call.config);
  if (result === undefined) throw failure("Required prevResult missing");
  const { ifname } = call.environment;
  inContainer(call, (socket) => {
    const link = linkGet(socket, { name: ifname });
    if (link === undefined) throw failure(`Cannot find network interface ${ifname}: Link not found`);
    const rules = ruleDump(socket);
    for (const { address, gateway } of interfaceAddresses(result, ifname)) {
      const rule = rules.find(
        (item) => isFrom(item, address.address) && (config.table === undefined || item.table === config.table),
      );
      const text = address.address.toString();
      if (rule?.table === undefined) throw failure(`Expected rule from ${text} not found`);
      const via = config.gateways[address.family] ?? gateway;
      if (config.table !== undefined || via === undefined) continue;
      const isThere = routeDump(socket, { family: address.family, table: rule.table, oif: link.index }).some(
        (route) => route.destination.length === 0 && route.gateway?.equals(via) === true,
      );
      if (!isThere) throw failure(`Expected default route via ${via.toString()} not found in table ${rule.table}`);
    }
  });
}

/** Everything is in the container's namespace, and goes with it. */
function gc({ config }: Call): void {
  validAttachments(config);
}

function status({ config }: Call): void {
  sbrConfig(config);
}
