// Whole daemons in one process: the app's real code on a store in memory, a kernel without a kernel, and a clock that
// stands still. Files and locks are in memory too.
import type { Notification } from "#kernel/notify";
import { Prefix } from "#kernel/ip/prefix";
import { Errno, type Sys } from "#kernel/sys";
import { ADDRESS_FLAG } from "#kernel/netlink/addr";
import { ROUTE_PROTOCOL } from "#kernel/netlink/route-types";
import { parseStatus, type Status, statusPaths } from "#spec/status";
import { type App, createApp } from "../../daemon/app.ts";
import type { Files } from "../../daemon/atomic-file.ts";
import { silentLog } from "../../daemon/log.ts";
import { DrainRequest } from "../../daemon/life/release.ts";
import type { HostView } from "../../daemon/node/interface.ts";
import { readInvocation } from "../../daemon/options.ts";
import { FakeKernel } from "../../daemon/reconcile/fake.ts";
import { type MemoryCall, MemorySubnetStore } from "../../daemon/store/memory.ts";
import { MemoryWorld } from "../../daemon/store/memory-world.ts";
import { ManualClock } from "./manual-clock.ts";

export const VXLAN_CONFIG = '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}';

/** Numbers in [0, 1) from a seed, the same in every run (mulberry32). */
export function seededRandom(seed: number) {
  let state = seed >>> 0;
  return {
    next: (): number => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}

export class AppRig implements Disposable {
  readonly clock = new ManualClock();
  readonly world = new MemoryWorld(this.clock);
  readonly locks = memoryLocks();
  /** What every node's writes of leases fail with. */
  refusePuts: Error | undefined;
  /** Release marks take eight seconds. */
  slowMarks = false;
  readonly #nodes: RigNode[] = [];

  /** Node n has the addresses 192.168.0.n and fd99::n on eth0. It is not started. */
  node(n: number, args: readonly string[] = [], id = `node-${n}`): RigNode {
    const node = new RigNode(this, n, args, id);
    this.#nodes.push(node);
    return node;
  }

  async seconds(count: number): Promise<void> {
    await this.clock.advance(count * 1_000);
  }

  /** The lease keys in the store. */
  leases(): string[] {
    return this.world.list("subnets/").map(({ key }) => key.replace("subnets/", ""));
  }

  [Symbol.dispose](): void {
    for (const node of this.#nodes) node.kill();
  }
}

/** One host: its kernel and files outlive its daemon, which may be started again. */
export class RigNode {
  readonly kernel = new FakeKernel(["eth0"]);
  readonly store: MemorySubnetStore;
  readonly subnetFile: string;
  readonly notifications: Notification[] = [];
  /** The subnet file's lines when the service manager was told that the node is ready. */
  subnetEnvAtReady: string | undefined;
  /** Its files by path. */
  readonly files = new Map<string, string>();
  readonly #rig: AppRig;
  readonly #n: number;
  readonly #args: readonly string[];
  readonly #id: string;
  #boots = 1;
  /** What the kernel tells of links, addresses and routes; alterHost changes it. */
  #host: HostView;
  readonly #hostWatchers = new Set<(index: number | undefined) => void>();
  #stop = new AbortController();
  /** How the daemon ended: undefined while it runs. */
  ended: { readonly error: unknown } | undefined;

  constructor(rig: AppRig, n: number, args: readonly string[], id: string) {
    this.#rig = rig;
    this.#n = n;
    this.#args = args;
    this.#id = id;
    this.#host = hostView(n);
    const before = async ({ method }: MemoryCall): Promise<void> => {
      if (method === "markReleased" && rig.slowMarks) await rig.clock.sleep(8_000);
      if (method === "put" && rig.refusePuts !== undefined) throw rig.refusePuts;
    };
    this.store = new MemorySubnetStore(rig.world, { name: id, random: seededRandom(n), faults: { before } });
    this.subnetFile = `/hosts/${n}-${id}/subnet.env`;
  }

  start(): App {
    const args = [...this.#args, `--node-id=${this.#id}`, `--subnet-file=${this.subnetFile}`];
    const invocation = readInvocation(args, {});
    if (invocation.action !== "run") throw new Error("a rig's daemon runs");
    this.#stop = new AbortController();
    this.ended = undefined;
    const app = createApp(invocation.options, {
      sys: this.#rig.locks,
      store: this.store,
      clock: this.#rig.clock,
      random: seededRandom(this.#n * 7919),
      files: this.#filesPort(),
      log: silentLog,
      readHost: () => this.#host,
      watchHost: (onChange) => {
        this.#hostWatchers.add(onChange);
        return { [Symbol.dispose]: () => this.#hostWatchers.delete(onChange) };
      },
      machineId: "",
      bootId: `boot-${this.#boots}`,
      openKernel: () => this.kernel,
      serviceManager: {
        watchdogInterval: undefined,
        notify: (notification) => {
          this.notifications.push(notification);
          if (notification.ready) this.subnetEnvAtReady = this.subnetEnv;
          return undefined;
        },
      },
    });
    app.run(this.#stop.signal).then(
      () => (this.ended = { error: undefined }),
      (error: unknown) => (this.ended = { error }),
    );
    return app;
  }

  /** As SIGTERM does. */
  async stop(): Promise<void> {
    this.kill();
    await this.#rig.seconds(0);
  }

  kill(): void {
    this.#stop.abort(new Error("stop"));
  }

  /** As `loden drain` asks. */
  async drain(): Promise<void> {
    this.#stop.abort(new DrainRequest());
    await this.#rig.seconds(0);
  }

  /** Power off and on: the kernel is empty, and so is /run; what is on the disk is there. */
  async reboot(): Promise<void> {
    await this.stop();
    this.kernel.objects.clear();
    for (const file of this.files.keys()) if (file.startsWith("/hosts/")) this.files.delete(file);
    this.#boots += 1;
  }

  /** Changes what the host looks like, as others do it with ip(8). */
  alterHost(change: (host: HostView) => Partial<HostView>): void {
    this.#host = { ...this.#host, ...change(this.#host) };
    for (const watcher of this.#hostWatchers) watcher(2);
  }

  /** Gives eth0 other addresses. */
  readdress(...addresses: readonly string[]): void {
    const held = addresses.map(onEth0);
    this.alterHost(() => ({ addresses: held, routes: routesOf(held) }));
  }

  /** A container on the bridge cni0. */
  attach(name: string): void {
    const bridge = { index: 10, name: "cni0", type: 1, flags: 1, up: true, mtu: 1450, operState: "up" } as const;
    const address = {
      index: 10,
      address: Prefix.parse(this.subnet.replace("0/", "1/")),
      flags: ADDRESS_FLAG.permanent,
    };
    this.alterHost(({ links, addresses }) => ({
      links: [...links, bridge, { ...bridge, index: 11, name, master: 10 }],
      addresses: [...addresses, address],
    }));
  }

  /** The path and text of its last known state. */
  get state(): [file: string, text: string] {
    return [...this.files].find(([file]) => file.startsWith("/var/lib/loden/"))!;
  }

  get status(): Status {
    return parseStatus(this.files.get(statusPaths(this.subnetFile).status) ?? "")!;
  }

  /** The subnet file's lines, or undefined without one. */
  get subnetEnv(): string | undefined {
    return this.files.get(this.subnetFile);
  }

  /** `10.5.7.0/24`, from the subnet file. */
  get subnet(): string {
    const [, text = ""] = /^FLANNEL_SUBNET=(.*)$/m.exec(this.subnetEnv ?? "") ?? [];
    return Prefix.parse(text).masked.toString();
  }

  #filesPort(): Files {
    return {
      read: (file) => this.files.get(file),
      replace: (file, text) => void this.files.set(file, text),
      remove: (file) => void this.files.delete(file),
    };
  }

  /** Keys of the objects in this host's kernel, sorted. */
  objects(pattern = /./): string[] {
    return [...this.kernel.objects.keys()].filter((key) => pattern.test(key)).toSorted();
  }
}

/** The part of Sys that the lock of a subnet file needs: one descriptor at a time may lock a path. */
function memoryLocks(): Sys {
  const paths = new Map<number, string>();
  const holders = new Map<string, number>();
  let next = 3;
  const calls: Pick<Sys, "open" | "flock" | "close"> = {
    open: (file) => {
      paths.set(next, file);
      return next++;
    },
    flock: (fd) => {
      const file = paths.get(fd)!;
      if (holders.has(file)) throw new Errno(11, "flock", file);
      holders.set(file, fd);
    },
    close: (fd) => {
      const file = paths.get(fd) ?? "";
      if (holders.get(file) === fd) holders.delete(file);
      paths.delete(fd);
    },
  };
  return calls as Sys;
}

function onEth0(text: string) {
  return { index: 2, address: Prefix.parse(text), flags: ADDRESS_FLAG.permanent };
}

function hostView(n: number): HostView {
  const addresses = [onEth0(`192.168.0.${n}/24`), onEth0(`fd99::${n.toString(16)}/64`)];
  return {
    links: [{ index: 2, name: "eth0", type: 1, flags: 1, up: true, mtu: 1500, operState: "up" }],
    addresses,
    routes: routesOf(addresses),
  };
}

/** The default routes, and what the kernel makes for each address. */
function routesOf(addresses: HostView["addresses"]): HostView["routes"] {
  return [
    ...["0.0.0.0/0", "::/0"].map((destination) => ({ destination: Prefix.parse(destination), oif: 2 })),
    ...addresses.map(({ address, index }) => ({
      destination: address.masked,
      oif: index,
      protocol: ROUTE_PROTOCOL.kernel,
    })),
  ];
}
