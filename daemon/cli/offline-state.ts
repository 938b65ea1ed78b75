// The view of a daemon that does not run: what one that starts now would want, by the state that an earlier one left, as
// the store is not asked, and what the kernel has.
import { sys } from "#sys";
import { LodenError } from "#spec/errors";
import type { StateDocument } from "#spec/state-document";
import { systemFiles } from "../atomic-file.ts";
import { createBackend } from "../backend/registry.ts";
import { knownMacs } from "../backend/vxlan/mac.ts";
import { systemClock } from "../clock.ts";
import { composeFabric } from "../fabric.ts";
import { networksOf, parseNetwork } from "../lease/network.ts";
import { decodeLease } from "../lease/record.ts";
import type { Node } from "../lease/types.ts";
import { backendOf, outgoingOf } from "../life/backends.ts";
import { decodeState, stateFile } from "../life/last-state.ts";
import { extrasOptions } from "../life/readiness.ts";
import type { Setup } from "../life/fabric-keeper.ts";
import { firewallView } from "../node/firewall-view.ts";
import { readHost } from "../node/host.ts";
import { familiesOf, selectInterface, surroundings } from "../node/interface.ts";
import type { Options } from "../options.ts";
import { NetlinkKernel } from "../reconcile/kernel/netlink.ts";
import { createReconciler } from "../reconcile/loop.ts";
import { type Marks, ownershipMarks } from "../reconcile/marks.ts";
import { stateDocument } from "../state-document.ts";
import { judgeBarriers } from "../traffic/barriers.ts";
import { type AcceptPlace, chooseFirewall } from "../traffic/firewall.ts";

/** @throws LodenError ERR_CONFIG where no earlier run left a state, and what a start would end with */
export function offlineState(options: Options): StateDocument {
  const file = stateFile(options);
  const text = file === undefined ? undefined : systemFiles.read(file);
  if (text === undefined) {
    const where = file === undefined ? "--state-dir is empty" : `there is no ${file}`;
    throw new LodenError(
      "ERR_CONFIG",
      `lodend is not running and left no state on this host (${where}), so it is not known what the kernel should hold; ` +
        "start lodend, or name its --state-dir, --etcd-prefix and --subnet-file",
    );
  }
  const last = decodeState(text, options.etcd.prefix);
  if (last.lease === null) {
    throw new LodenError("ERR_CONFIG", `${file!} tells of no lease: this host gave it back, and wants nothing`);
  }
  const lease = decodeLease(last.lease.key, last.lease.value);
  const inForce = { network: parseNetwork(last.config), configText: last.config };
  const { network } = inForce;
  const host = readHost(sys, options.interface.canReach);
  const selection = selectInterface(options.interface, host, familiesOf(network.ranges));
  const { link, address, publicAddress } = selection;
  const node: Node = {
    id: last.nodeId,
    link: { name: link.name, index: link.index, mtu: link.mtu },
    address,
    publicAddress,
    ...surroundings(selection, host, networksOf(network)),
    macs: knownMacs(host.links, lease),
    subnet: lease.subnet,
  };
  const outgoing = outgoingOf(last, inForce).flatMap((other) => backendOf(other.network, node) ?? []);
  const marks = ownershipMarks(options.etcd.prefix, networksOf(network));
  const backend = createBackend(network, node);
  const state = { arePeersKnown: true, accepts: acceptsOf(options, { ...inForce, node, backend }, marks) };
  const backends = [backend, ...outgoing];
  const fabric = composeFabric(network, node, backends, extrasOptions(options, marks), state);
  using kernel = new NetlinkKernel({ sys, marks });
  kernel.learnTables(fabric.extras);
  const reconciler = createReconciler({ kernel, clock: systemClock, fabric });
  reconciler.replaceLeases(last.peers.flatMap(([key, value]) => readable(key, value)));
  const origin = { source: "last-state", nodeId: last.nodeId, written: last.written } as const;
  return stateDocument(origin, reconciler.inspect(), reconciler.state());
}

/** Where a daemon would add accepting rules to iptables (life/firewall-watch.ts). */
function acceptsOf(options: Options, setup: Setup, marks: Marks): readonly AcceptPlace[] {
  if (!options.forwardRules) return [];
  const view = firewallView(sys, marks);
  return judgeBarriers(view.barriers(setup), {
    flag: options.firewall,
    choice: chooseFirewall(options.firewall, setup.network),
    defaultVariant: view.defaultVariant(),
    ranges: setup.network.ranges,
  }).accepts;
}

function readable(key: string, value: string): ReturnType<typeof decodeLease>[] {
  try {
    return [decodeLease(key, value)];
  } catch {
    // The daemon passes over it as well.
    return [];
  }
}
