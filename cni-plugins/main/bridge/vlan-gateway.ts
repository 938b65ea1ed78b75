// The gateway of a VLAN: a veth pair on the host, one end a port of the bridge in that VLAN, the other, named
// `<bridge>.<vlan>`, with the gateway's address. Like the bridge it is shared by containers and never removed.
import { linkGet, linkSet, type Link } from "#kernel/netlink/link";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import { interfaceNameProblem } from "../../environment.ts";
import { failure, inContext, invalidConfig } from "../../error.ts";
import type { BridgeConfig } from "./config.ts";
import { hostVethName } from "../../interface/marks.ts";
import { makePort } from "./port.ts";

export function ensureVlanGateway(socket: NetlinkSocket, bridge: Link, config: BridgeConfig): Link {
  const name = `${config.bridge}.${config.vlan}`;
  const problem = interfaceNameProblem(name);
  if (problem !== undefined) {
    throw invalidConfig(`the gateway of vlan ${config.vlan} would be called ${name}: ${problem}; shorten bridge`);
  }
  try {
    const link = linkGet(socket, { name }) ?? make(socket, bridge, config, name);
    if (!link.up) socket.request(linkSet(link.index, { up: true }));
    return link;
  } catch (error) {
    throw inContext(`failed to create vlan gateway ${JSON.stringify(name)}`, error);
  }
}

function make(socket: NetlinkSocket, bridge: Link, config: BridgeConfig, name: string): Link {
  const spec = {
    bridge: bridge.index,
    hostName: hostVethName("", config.bridge, name),
    alias: `loden-cni gateway of ${name}`,
    peer: { name },
    mtu: bridge.mtu,
    hairpin: false,
    isolated: false,
    vlans: { vlan: config.vlan, trunk: [], preserveDefault: config.preserveDefaultVlan },
  };
  const nameIsTaken = (): boolean => linkGet(socket, { name }) !== undefined;
  makePort(socket, spec, nameIsTaken, () => {});
  const link = linkGet(socket, { name });
  if (link === undefined) throw failure("it was removed while being set up");
  return link;
}
