// ADD: everything from the bridge to the container's routes, undone in full when any part of it fails.
import { linkDelete, linkGet, type Link } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import { attachmentOf } from "../../attachments.ts";
import type { Call } from "../../plugin.ts";
import type { Result } from "../../result/types.ts";
import { describe, runIpam } from "../../interface/attach.ts";
import { bridgeConfig, type BridgeConfig } from "./config.ts";
import { configureContainer } from "../../interface/container.ts";
import { ensureBridge } from "./device.ts";
import { becomeGateway, withGateways } from "./gateway.ts";
import { enableForwarding } from "../../interface/forwarding.ts";
import { attachmentAlias, hostVethName, unfinishedGroup } from "../../interface/marks.ts";
import { addMasquerade, removeMasquerade } from "../../rules/masquerade.ts";
import { makePort } from "./port.ts";
import { addSpoofCheck, removeSpoofCheck } from "./spoof.ts";
import { Undo } from "../../interface/undo.ts";
import { awaitHostEnd, containerNameIsTaken } from "../../interface/veth.ts";
import { ensureVlanGateway } from "./vlan-gateway.ts";

/** Place of the container's interface in the result: after the bridge and the host's end. */
const CONTAINER_INTERFACE = 2;

export function attach(call: Call): Result {
  const config = bridgeConfig(call.config, call.environment.args);
  using socket = NetlinkSocket.open(call.machine.sys);
  const undo = new Undo();
  try {
    return attachSteps(call, config, socket, undo);
  } catch (error) {
    undo.run();
    throw error;
  }
}

function attachSteps(call: Call, config: BridgeConfig, socket: NetlinkSocket, undo: Undo): Result {
  const { environment, machine } = call;
  const owner = attachmentOf(call);
  const bridge = ensureBridge(socket, config);
  const hostName = makeContainerPort(call, config, socket, bridge, undo);

  const ipam = runIpam(call, config.ipam, undo);
  const result = withGateways(ipam, config, CONTAINER_INTERFACE);
  const vlanGateway =
    config.isGateway && config.vlan !== 0 && result.ips.length > 0
      ? ensureVlanGateway(socket, bridge, config)
      : undefined;
  let gateway: Link | undefined;
  if (config.isGateway && result.ips.length > 0) {
    gateway = becomeGateway(socket, vlanGateway ?? bridge, config, result);
    enableForwarding(result.ips.map(({ address }) => address.family));
  }
  const container = withNetns(machine.sys, call.netns!, () =>
    configureContainer(machine.sys, {
      ifname: environment.ifname,
      result,
      enabledad: config.enabledad,
      up: !config.disableContainerInterface,
    }),
  );
  if (config.macspoofchk) {
    const nft = machine.nftables();
    undo.add(() => removeSpoofCheck(machine, owner));
    addSpoofCheck(nft, owner, hostName, container.mac?.text ?? "");
  }
  if (config.ipMasq && result.ips.length > 0) {
    undo.add(() => removeMasquerade(call, owner));
    const addresses = result.ips.map(({ address }) => address);
    addMasquerade(call, config.ipMasqBackend, owner, addresses);
  }
  const port = awaitHostEnd(machine.sys, socket, hostName, config.disableContainerInterface ? undefined : "up");
  const device = gateway?.index === bridge.index ? gateway : (linkGet(socket, { index: bridge.index }) ?? bridge);
  return {
    ...result,
    dns: config.dns ?? result.dns,
    interfaces: [
      describe(device),
      describe(port),
      { ...describe(container), sandbox: environment.netns },
      ...(vlanGateway === undefined ? [] : [describe(vlanGateway)]),
    ],
  };
}

function makeContainerPort(call: Call, config: BridgeConfig, socket: NetlinkSocket, bridge: Link, undo: Undo): string {
  const { containerId, ifname } = call.environment;
  const { name: network } = call.config;
  const netns = call.netns!;
  const { hairpinMode: hairpin, portIsolation: isolated, mtu, mac } = config;
  const spec = {
    bridge: bridge.index,
    hostName: hostVethName(network, containerId, ifname),
    alias: attachmentAlias(network, containerId, ifname),
    group: unfinishedGroup(network),
    peer: { name: ifname, netns, ...(mac === undefined ? {} : { mac }) },
    ...(mtu === undefined ? {} : { mtu }),
    hairpin,
    isolated,
    vlans: { vlan: config.vlan, trunk: config.trunk, preserveDefault: config.preserveDefaultVlan },
  };
  return makePort(
    socket,
    spec,
    () => containerNameIsTaken(call),
    (name) => undo.add(() => socket.request(linkDelete({ name }))),
  );
}
