// bridge: puts a container on a Linux bridge by a veth pair. The reference plugin's counterpart; README.md tells what
// differs.
import { linkGet } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { CNI_ERROR, CniError } from "../../error.ts";
import type { Call, Plugin } from "../../plugin.ts";
import { attach } from "./attach.ts";
import { checkAttachment } from "./check.ts";
import { bridgeConfig } from "./config.ts";
import { collectGarbage, detach } from "./detach.ts";

export const bridge: Plugin = {
  name: "bridge",
  usesNetns: true,
  add: attach,
  del: detach,
  check: checkAttachment,
  gc: collectGarbage,
  status,
};

/** ADD can be served if the bridge's name is free or a bridge's, nftables is there where it is needed, and IPAM can. */
function status(call: Call): void {
  const config = bridgeConfig(call.config, "");
  using socket = NetlinkSocket.open(call.machine.sys);
  const link = linkGet(socket, { name: config.bridge });
  if (link !== undefined && link.kind?.kind !== "bridge") {
    throw new CniError(CNI_ERROR.notAvailable, `${JSON.stringify(config.bridge)} already exists but is not a bridge`);
  }
  if (config.macspoofchk || (config.ipMasq && config.ipMasqBackend === "nftables")) call.machine.nftables();
  if (config.ipam !== undefined) call.delegates.status(config.ipam, call.config.document);
}
