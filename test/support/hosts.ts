// Hosts of a fabric as network namespaces of this process: an underlay (a bridge in a namespace of its own, or a veth
// pair's worth of it), a pod address each, and a reconciler that works in the host's namespace.
import { execFileSync } from "node:child_process";
import { sys } from "#sys";
import { FAMILIES, type Family } from "#kernel/ip/address";
import { systemClock } from "../../daemon/clock.ts";
import { KernelDatapath, type KernelDatapathOptions } from "../../daemon/backend/udp/kernel-datapath.ts";
import { UserspaceDatapath } from "../../daemon/backend/udp/userspace/datapath.ts";
import type { Lease, Node } from "../../daemon/lease/types.ts";
import { NetlinkKernel } from "../../daemon/reconcile/kernel/netlink.ts";
import { createReconciler, type ReconcileEvent, type Reconciler } from "../../daemon/reconcile/loop.ts";
import { type FabricShape, TEST_MARKS, makeFabric, makeLease, makeNode, podOf, underlayOf } from "./fabric.ts";
import { iproute, throwAwayNetns, type ThrowAwayNetns } from "./netns.ts";

export interface Host extends Disposable {
  readonly n: number;
  readonly netns: ThrowAwayNetns;
  readonly node: Node;
  /** Of the udp backend where the kernel is not asked. */
  readonly userspace: UserspaceDatapath;
  /** Runs `ip` in the host. */
  ip(...args: readonly string[]): string;
  /**
   * Starts a reconciler; it ends with the host, or when the signal aborts.
   * @param kernelPath of the udp backend, where it is not to be as it is
   */
  reconcile(shape?: FabricShape, signal?: AbortSignal, kernelPath?: Partial<KernelDatapathOptions>): Running;
}

export interface Running {
  readonly reconciler: Reconciler;
  readonly events: ReconcileEvent[];
  /** The next event from now on for which the function is true. */
  event(fits: (event: ReconcileEvent) => boolean): Promise<ReconcileEvent>;
}

/** Host n with `eth0` at 192.168.0.n and fd99::n; `far`, the other end, stays in the host until it is plugged. */
export function makeHost(n = 1): Host {
  const netns = throwAwayNetns();
  const end = new AbortController();
  const kernels: NetlinkKernel[] = [];
  const userspace = new UserspaceDatapath({ sys });
  const ip = (...args: readonly string[]): string => netns.run(() => iproute(...args));
  ip("link", "add", "eth0", "type", "veth", "peer", "name", "far");
  for (const name of ["eth0", "far"]) ip("link", "set", name, "up");
  ip("address", "add", `${underlayOf(n, 4).toString()}/24`, "dev", "eth0");
  ip("address", "add", `${underlayOf(n, 6).toString()}/64`, "dev", "eth0", "nodad");
  const index = JSON.parse(ip("-j", "link", "show", "eth0")) as { ifindex: number }[];
  const node: Node = { ...makeNode(n), link: { name: "eth0", index: index[0]!.ifindex, mtu: 1500 } };
  return {
    n,
    netns,
    node,
    userspace,
    ip,
    reconcile: (shape = {}, signal = end.signal, kernelPath = {}) => {
      const inKernel = new KernelDatapath({ sys, instance: "test", within: (fn) => netns.run(fn), ...kernelPath });
      const datapaths = [inKernel, userspace];
      const kernel = new NetlinkKernel({ sys, marks: TEST_MARKS, within: (fn) => netns.run(fn), datapaths });
      kernels.push(kernel);
      return run(kernel, shape, node, AbortSignal.any([signal, end.signal]));
    },
    [Symbol.dispose]: () => {
      end.abort();
      for (const kernel of kernels) kernel[Symbol.dispose]();
      netns[Symbol.dispose]();
    },
  };
}

function run(kernel: NetlinkKernel, shape: FabricShape, node: Node, signal: AbortSignal): Running {
  const events: ReconcileEvent[] = [];
  const listeners = new Set<(event: ReconcileEvent) => void>();
  const reconciler = createReconciler({
    kernel,
    clock: systemClock,
    fabric: makeFabric(shape, node),
    onEvent: (event) => {
      events.push(event);
      for (const listener of listeners) listener(event);
    },
  });
  reconciler.start(signal);
  return {
    reconciler,
    events,
    event: (fits) =>
      new Promise((resolve) => {
        const listener = (event: ReconcileEvent): void => {
          if (!fits(event)) return;
          listeners.delete(listener);
          resolve(event);
        };
        listeners.add(listener);
      }),
  };
}

/** Joins hosts by one switch, as on one Ethernet. */
export function joinHosts(hosts: readonly Host[]): Disposable {
  const underlay = throwAwayNetns();
  const ip = (...args: readonly string[]): string => underlay.run(() => iproute(...args));
  ip("link", "add", "switch", "type", "bridge");
  ip("link", "set", "switch", "up");
  for (const host of hosts) {
    const name = `to-${host.n}`;
    host.ip("link", "set", "far", "name", name, "netns", underlay.path);
    ip("link", "set", name, "master", "switch", "up");
  }
  // The kernel takes up to a second to let packets through a link that came up. With -w, ping tries until it is answered.
  for (const from of hosts) {
    for (const to of hosts) {
      for (const family of FAMILIES) {
        const address = underlayOf(to.n, family).toString();
        from.netns.run(() => execFileSync("ping", ["-n", "-q", "-c", "1", "-i", "0.02", "-w", "20", address]));
      }
    }
  }
  return underlay;
}

/** Gives the host an address of its subnet, as a container would have, and lets it forward. */
export function addPod(host: Host, families: readonly Family[] = [4]): void {
  host.ip("link", "add", "pod", "type", "bridge");
  for (const family of families) {
    const address = podOf(host.n, family).toString();
    host.ip("address", "add", address, "dev", "pod", ...(family === 6 ? ["nodad"] : []));
  }
  host.ip("link", "set", "pod", "up");
}

/** The leases of all hosts but one, with what its backend publishes. */
export function leasesFor(hosts: readonly Host[], self: Host, shape: FabricShape = {}): Lease[] {
  return hosts
    .filter((host) => host !== self)
    .map((host) => {
      const [backend] = makeFabric(shape, host.node).backends;
      return { ...makeLease(host.n, shape), backendData: backend!.advertise(host.node) };
    });
}
