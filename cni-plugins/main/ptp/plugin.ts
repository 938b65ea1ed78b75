// ptp: joins a container to the host by a veth pair, routed. README.md tells what differs from the reference plugin.
import { addrNew, ADDRESS_FLAG } from "#kernel/netlink/addr";
import { linkGet, linkSet } from "#kernel/netlink/link";
import { routeNew } from "#kernel/netlink/route";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import { attachmentOf, validAttachments } from "../../attachments.ts";
import { failure, runAll } from "../../error.ts";
import { describe, runIpam } from "../../interface/attach.ts";
import { configureContainer } from "../../interface/container.ts";
import { collectAddresses, collectHostLinks, inOrder, removeVeth } from "../../interface/detach.ts";
import { enableForwarding } from "../../interface/forwarding.ts";
import { attachmentAlias, hostVethName, unfinishedGroup } from "../../interface/marks.ts";
import { Undo } from "../../interface/undo.ts";
import {
  awaitHostEnd,
  containerNameIsTaken,
  ignoreRouterAdvertisements,
  makeVeth,
  skipDuplicateDetection,
} from "../../interface/veth.ts";
import type { Call, Plugin } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { addMasquerade, collectMasquerade, removeMasquerade } from "../../rules/masquerade.ts";
import { checkAttachment } from "./check.ts";
import { ptpConfig, type PtpConfig } from "./config.ts";
import { containerRoutes, hostAddresses, hostRoutes, withGateway, type PtpAddress } from "./routes.ts";

/** Place of the container's interface in the result: after the host's end. */
const CONTAINER_INTERFACE = 1;

export const ptp: Plugin = { name: "ptp", usesNetns: true, add, del, check: checkAttachment, gc, status };

function add(call: Call): Result {
  const config = ptpConfig(call.config);
  call.delegates.require(config.ipam);
  using socket = NetlinkSocket.open(call.machine.sys);
  const undo = new Undo();
  try {
    return addSteps(call, config, socket, undo);
  } catch (error) {
    undo.run();
    throw error;
  }
}

function addSteps(call: Call, config: PtpConfig, socket: NetlinkSocket, undo: Undo): Result {
  const { environment, machine } = call;
  const { mtu, enabledad, ipMasq, ipMasqBackend } = config;
  const owner = attachmentOf(call);
  const spec = {
    hostName: hostVethName(owner.network, owner.containerId, owner.ifname),
    group: unfinishedGroup(owner.network),
    peer: { name: environment.ifname, netns: call.netns! },
    ...(mtu === undefined ? {} : { mtu }),
  };
  const hostName = makeVeth(socket, spec, () => containerNameIsTaken(call));
  undo.add(() => removeVeth(call));
  const alias = attachmentAlias(owner.network, owner.containerId, owner.ifname);
  socket.request(linkSet({ name: hostName }, { alias, group: 0 }));
  ignoreRouterAdvertisements(hostName);
  if (!enabledad) skipDuplicateDetection(hostName);

  const ipam = runIpam(call, config.ipam, undo);
  const ips = ipam.ips.map(withGateway);
  const result = { ...ipam, ips: ipam.ips.map((ip) => ({ ...ip, interface: CONTAINER_INTERFACE })) };
  enableForwarding(ips.map(({ address }) => address.family));
  const container = withNetns(machine.sys, call.netns!, () =>
    configureContainer(machine.sys, {
      ...{ ifname: environment.ifname, result, enabledad, up: true },
      networkRoutes: (oif) => containerRoutes(ips, oif),
    }),
  );
  configureHost(socket, hostName, ips, enabledad);
  if (ipMasq) {
    undo.add(() => removeMasquerade(call, owner));
    const addresses = ips.map(({ address }) => address);
    addMasquerade(call, ipMasqBackend, owner, addresses);
  }
  const host = awaitHostEnd(machine.sys, socket, hostName, "up");
  return {
    ...result,
    dns: config.dns ?? ipam.dns,
    interfaces: [describe(host), { ...describe(container), sandbox: environment.netns }],
  };
}

/** The gateways' addresses and the routes to the container, in one batch. The container's end is up by then. */
function configureHost(socket: NetlinkSocket, name: string, ips: readonly PtpAddress[], enabledad: boolean): void {
  const link = linkGet(socket, { name });
  if (link === undefined) throw failure(`failed to lookup ${JSON.stringify(name)}: it was removed while being set up`);
  const { index } = link;
  const addresses = hostAddresses(ips);
  const routes = hostRoutes(ips, index);
  const outcomes = socket.batch([
    ...addresses.map((address) =>
      addrNew({ index, address, ...(address.family === 6 && !enabledad ? { flags: ADDRESS_FLAG.noDad } : {}) }),
    ),
    ...routes.map((route) => routeNew(route, "create")),
  ]);
  for (const [position, error] of outcomes.entries()) {
    if (error === undefined) continue;
    const address = addresses[position];
    if (address !== undefined)
      throw failure(`failed to add IP addr ${address.toString()} to veth: ${error.message}`, error);
    const { destination } = routes[position - addresses.length]!;
    const text = `failed to add route on host: ${destination.toString()} dev ${name}: ${error.message}`;
    throw failure(error.symbol === "EEXIST" ? `${text}; another link has this address` : text, error);
  }
}

function del(call: Call): void {
  runAll([
    ...inOrder(call, () => removeVeth(call)),
    () => {
      if (call.config.fields.raw("ipMasq") === true) removeMasquerade(call, attachmentOf(call));
    },
  ]);
}

function gc(call: Call): void {
  const valid = validAttachments(call.config);
  if (valid === undefined) return;
  runAll([
    () => collectHostLinks(call, "veth", valid),
    () => collectAddresses(call),
    () => {
      if (call.config.fields.raw("ipMasq") === true) {
        collectMasquerade(call, call.config.fields.raw("ipMasqBackend"), call.config.name, valid);
      }
    },
  ]);
}

function status(call: Call): void {
  const config = ptpConfig(call.config);
  if (config.ipMasq && config.ipMasqBackend === "nftables") call.machine.nftables();
  call.delegates.status(config.ipam, call.config.document);
}
