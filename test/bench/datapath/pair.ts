// Two hosts with one wire between them and a pod on each, as network namespaces. What joins their pods is made by hand, or
// by a daemon on each that finds its store over a second link.
import { execFileSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { writeSysctl } from "#kernel/sysctl";
import { startEtcd } from "../../support/etcd.ts";
import { iproute, throwAwayNetns, type ThrowAwayNetns } from "../../support/netns.ts";
import { type Started, startProcess } from "../../support/processes.ts";
import type { StoreServer } from "../../support/store-server.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { readFileSync } from "node:fs";
import type { BackendEntry, ByHand } from "./backends.ts";

const LODEND = fileURLToPath(new URL("../../../dist/bin/lodend", import.meta.url));

/** The wire's MTU. */
const WIRE_MTU = 1500;

/** The least that masquerading can be. */
const MASQUERADE = `table ip masquerading {
  chain out {
    type nat hook postrouting priority srcnat
    ip saddr 10.70.0.0/16 ip daddr != 10.70.0.0/16 masquerade
  }
}
`;

/** Milliseconds for a flanneld to write its subnet file. */
const LOOK_MS = 100;

export interface Side {
  readonly host: ThrowAwayNetns;
  readonly pod: ThrowAwayNetns;
  /** On the wire. */
  readonly address: string;
  readonly directory: string;
  /** First three octets of the pod network. */
  subnet: string;
}

export class Pair implements AsyncDisposable {
  readonly name: string;
  readonly sides: readonly [Side, Side];
  /** Of this pair among all of the run. */
  readonly #number: number;
  readonly #started: Started[] = [];
  readonly #stack: AsyncDisposable[] = [];

  constructor(name: string, number: number, work: string) {
    this.name = name;
    this.#number = number;
    this.sides = [1, 2].map((n) => ({
      host: throwAwayNetns(),
      pod: throwAwayNetns(),
      address: `192.168.77.${n}`,
      directory: path.join(work, `${number}-${n}`),
      subnet: `10.70.${n}`,
    })) as unknown as readonly [Side, Side];
    const [a, b] = this.sides;
    a.host.run(() => iproute("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", b.host.path));
    for (const { host, address } of this.sides) {
      host.run(() => {
        iproute("address", "add", `${address}/24`, "dev", "eth0");
        iproute("link", "set", "eth0", "mtu", `${WIRE_MTU}`, "up");
        writeSysctl("net/ipv4/ip_forward", "1");
      });
    }
  }

  /** The packets that leave are as large as the wire's from now on, as on a card without offloads. */
  withoutOffloads(isWithout: boolean): void {
    for (const { host } of this.sides) {
      const state = isWithout ? "off" : "on";
      host.run(() => execFileSync("ethtool", ["-K", "eth0", "tso", state, "gso", state], { stdio: "ignore" }));
    }
  }

  joinByHand(how: ByHand): void {
    const mac = (side: Side): string => `0a:00:00:00:00:0${side.address.slice(-1)}`;
    for (const [index, side] of this.sides.entries()) {
      const peer = this.sides[1 - index]!;
      const { host, address, subnet } = side;
      host.run(() => {
        if (how === "routing") {
          iproute("route", "add", `${peer.subnet}.0/24`, "via", peer.address, "dev", "eth0");
          return;
        }
        const device = ["type", "vxlan", "id", "1", "dstport", "8472", "local", address, "dev", "eth0", "nolearning"];
        iproute("link", "add", "flannel.1", "mtu", `${WIRE_MTU - 50}`, "address", mac(side), ...device);
        iproute("address", "add", `${subnet}.0/32`, "dev", "flannel.1");
        iproute("link", "set", "flannel.1", "up");
        const gateway = `${peer.subnet}.0`;
        iproute("neighbour", "add", gateway, "lladdr", mac(peer), "dev", "flannel.1", "nud", "permanent");
        const entry = ["dst", peer.address, "dev", "flannel.1", "self", "permanent"];
        execFileSync("bridge", ["fdb", "add", mac(peer), ...entry]);
        iproute("route", "add", `${gateway}/24`, "via", gateway, "dev", "flannel.1", "onlink");
        if (how === "vxlan with masquerade") execFileSync("nft", ["-f", "-"], { input: MASQUERADE });
      });
    }
    this.#addPods(how === "routing" ? WIRE_MTU : WIRE_MTU - 50);
  }

  /** @param flanneld the program; absent: our lodend */
  async joinByDaemons({ backend, flags = [] }: BackendEntry, flanneld?: string): Promise<void> {
    const etcd: StoreServer = await startEtcd();
    this.#stack.push(etcd);
    etcd.ctl("put", "/coreos.com/network/config", JSON.stringify({ Network: "10.70.0.0/16", Backend: backend }));
    let mtu = WIRE_MTU;
    for (const [index, side] of this.sides.entries()) {
      const { host, directory } = side;
      const file = path.join(directory, "subnet.env");
      // The daemon's way to the store, beside the wire that is measured.
      const way = 2 * this.#number + index;
      const [near, far, link] = [`10.99.${way}.1`, `10.99.${way}.254`, `store${way}`];
      iproute("link", "add", link, "type", "veth", "peer", "name", "store", "netns", host.path);
      iproute("address", "add", `${far}/24`, "dev", link);
      iproute("link", "set", link, "up");
      host.run(() => {
        iproute("address", "add", `${near}/24`, "dev", "store");
        iproute("link", "set", "store", "up");
      });
      const proxy = await TcpProxy.start(far, new URL(etcd.endpoint));
      this.#stack.push(proxy, { [Symbol.asyncDispose]: async () => void iproute("link", "delete", link) });
      const common = [`--etcd-endpoints=http://${proxy.authority}`, "--iface=eth0", `--subnet-file=${file}`];
      const own = [`--state-dir=${directory}/state`, `--node-id=bench-${index}`, ...flags];
      const daemon = host.run(() =>
        startProcess(flanneld ?? LODEND, flanneld === undefined ? [...common, ...own] : common),
      );
      this.#started.push(daemon);
      const text = await subnetFile(file, daemon);
      side.subnet = /^FLANNEL_SUBNET=(\d+\.\d+\.\d+)\./m.exec(text)?.[1] ?? "";
      mtu = Number(/^FLANNEL_MTU=(\d+)/m.exec(text)?.[1]);
    }
    this.#addPods(mtu);
    const [a, b] = this.sides;
    a.pod.run(() =>
      execFileSync("ping", ["-n", "-c", "1", "-i", "0.05", "-w", "20", `${b.subnet}.2`], { stdio: "ignore" }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#started) child.kill("SIGKILL");
    await Promise.all(this.#started.map(({ finished }) => finished));
    for (const each of this.#stack.toReversed()) await each[Symbol.asyncDispose]();
    for (const { host, pod } of this.sides) for (const netns of [pod, host]) netns[Symbol.dispose]();
  }

  #addPods(mtu: number): void {
    for (const { host, pod, subnet } of this.sides) {
      host.run(() => {
        iproute(
          "link",
          "add",
          "pod",
          "mtu",
          `${mtu}`,
          "type",
          "veth",
          "peer",
          "name",
          "eth0",
          "mtu",
          `${mtu}`,
          "netns",
          pod.path,
        );
        iproute("address", "add", `${subnet}.1/24`, "dev", "pod");
        iproute("link", "set", "pod", "up");
      });
      pod.run(() => {
        iproute("address", "add", `${subnet}.2/24`, "dev", "eth0");
        iproute("link", "set", "eth0", "up");
        iproute("route", "add", "default", "via", `${subnet}.1`);
      });
    }
  }
}

async function subnetFile(file: string, daemon: Started): Promise<string> {
  for (;;) {
    try {
      return readFileSync(file, "utf8");
    } catch {
      const ended = daemon.finished.then(({ stderr }) => Promise.reject(new Error(`a daemon ended:\n${stderr}`)));
      await Promise.race([new Promise((resolve) => setTimeout(resolve, LOOK_MS)), ended]);
    }
  }
}
