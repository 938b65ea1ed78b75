// The veth pair: one end in the container, the other a port of the bridge, made by one request.
import { portVlanAdd, portVlanDelete, portVlanDump, type PortVlan } from "#kernel/netlink/bridge-vlan";
import { linkGet, linkSet } from "#kernel/netlink/link";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import { failure } from "../../error.ts";
import { ignoreRouterAdvertisements } from "../../interface/veth.ts";
import { makeVeth, type VethSpec } from "../../interface/veth.ts";

/** The VLAN that ports of a bridge are in by default. */
const DEFAULT_VLAN = 1;

export interface PortSpec extends VethSpec {
  /** Index of the bridge. */
  readonly bridge: number;
  readonly alias: string;
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly vlans: VlanSpec;
}

export interface VlanSpec {
  /** 0 is none. */
  readonly vlan: number;
  readonly trunk: readonly number[];
  readonly preserveDefault: boolean;
}

/**
 * Makes the pair and its bridge port; the host's end is up. `onMade` is told the host's end as soon as it exists.
 * @param nameIsTaken whether the peer's name is in use where the peer goes
 * @returns the name of the host's end
 */
export function makePort(
  socket: NetlinkSocket,
  spec: PortSpec,
  nameIsTaken: () => boolean,
  onMade: (name: string) => void,
): string {
  const name = makeVeth(socket, { ...spec, master: spec.bridge }, nameIsTaken);
  onMade(name);
  const { hairpin, isolated } = spec;
  const options = { ...(hairpin ? { hairpin } : {}), ...(isolated ? { isolated } : {}) };
  const port = hairpin || isolated ? ({ kind: "bridge", ...options } as const) : undefined;
  try {
    socket.request(linkSet({ name }, { alias: spec.alias, group: 0, ...(port === undefined ? {} : { port }) }));
  } catch (error) {
    throw failure(`failed to set ${portOptionNames(spec)} of bridge port ${name}: ${(error as Error).message}`, error);
  }
  setVlans(socket, name, spec.vlans);
  ignoreRouterAdvertisements(name);
  return name;
}

function portOptionNames({ hairpin, isolated }: PortSpec): string {
  return ["alias", ...(hairpin ? ["hairpinMode"] : []), ...(isolated ? ["portIsolation"] : [])].join(", ");
}

/** Puts a port into its VLANs, and out of the default one unless that is to be kept. */
function setVlans(socket: NetlinkSocket, name: string, { vlan, trunk, preserveDefault }: VlanSpec): void {
  if (vlan === 0 && trunk.length === 0) return;
  const port = linkGet(socket, { name });
  if (port === undefined) throw failure(`failed to lookup ${JSON.stringify(name)}: it was removed while being set up`);
  try {
    const present = preserveDefault ? [] : (portVlanDump(socket).get(port.index) ?? []);
    if (present.length > 0) socket.request(portVlanDelete(port.index, present));
    // Without a VLAN of its own, the untagged frames of a trunk are of the default VLAN.
    const untagged: PortVlan = { id: vlan === 0 ? DEFAULT_VLAN : vlan, pvid: true, untagged: true };
    const tagged = trunk.filter((id) => id !== untagged.id).map((id): PortVlan => ({ id }));
    socket.request(portVlanAdd(port.index, [untagged, ...tagged]));
  } catch (error) {
    throw failure(`failed to setup vlan tag on interface ${JSON.stringify(name)}: ${(error as Error).message}`, error);
  }
}
