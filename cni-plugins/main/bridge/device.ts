// The bridge device itself. It is made when it is not there, and never removed: other containers may be on it.
import { Mac } from "#kernel/ip/mac";
import { linkGet, linkNew, linkSet, type Link } from "#kernel/netlink/link";
import { NetlinkError } from "#kernel/netlink/error";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import { failure, inContext } from "../../error.ts";
import { ignoreRouterAdvertisements, skipDuplicateDetection } from "../../interface/veth.ts";
import type { BridgeConfig } from "./config.ts";

/** Bytes of a MAC address. */
const MAC_LENGTH = 6;

/** Finds or makes the bridge, up and in the mode that is wanted. */
export function ensureBridge(socket: NetlinkSocket, config: BridgeConfig): Link {
  const { bridge: name } = config;
  try {
    const link = linkGet(socket, { name }) ?? makeBridge(socket, config);
    if (link.kind?.kind !== "bridge") throw failure(`${JSON.stringify(name)} already exists but is not a bridge`);
    const wantsPromiscuous = config.promiscMode && (link.promiscuity ?? 0) === 0;
    if (!link.up || wantsPromiscuous) {
      socket.request(linkSet(link.index, { up: true, ...(wantsPromiscuous ? { promiscuous: true } : {}) }));
    }
    ignoreRouterAdvertisements(name);
    return link;
  } catch (error) {
    throw inContext(`failed to create bridge ${JSON.stringify(name)}`, error);
  }
}

/** Made with an address of its own: otherwise it takes that of its lowest port, and changes it with the ports. */
function makeBridge(socket: NetlinkSocket, config: BridgeConfig): Link {
  const name = config.bridge;
  const { vlanFiltering, promiscMode, mtu } = config;
  const seed = Uint8Array.from({ length: MAC_LENGTH }, () => Math.floor(Math.random() * 256));
  try {
    socket.request(
      linkNew({
        name,
        mac: Mac.locallyAdministered(seed),
        kind: { kind: "bridge", ...(vlanFiltering ? { vlanFiltering } : {}) },
        up: true,
        ...(promiscMode ? { promiscuous: true } : {}),
        ...(mtu === undefined ? {} : { mtu }),
      }),
    );
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    // EEXIST: another ADD made it in the meantime.
    if (error.symbol !== "EEXIST")
      throw failure(`could not add ${JSON.stringify(name)}: ${reasonOf(error, config)}`, error);
  }
  if (!config.enabledad) skipDuplicateDetection(name);
  const link = linkGet(socket, { name });
  if (link === undefined) throw failure(`could not lookup ${JSON.stringify(name)}: it was removed while being set up`);
  return link;
}

function reasonOf(error: NetlinkError, config: BridgeConfig): string {
  if (!config.vlanFiltering) return error.message;
  return `${error.message} (vlan and vlanTrunk need a kernel with CONFIG_BRIDGE_VLAN_FILTERING)`;
}
