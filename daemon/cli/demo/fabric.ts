// The demo's fabric: store, daemons and containers, brought up in order and taken down in reverse.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { withNetns } from "#kernel/netns";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import { type Attachment, type CniResult, CniRuntime, type Network } from "../cni/runtime.ts";
import type { Executables } from "../executables.ts";
import type { DemoOptions } from "./options.ts";
import { notePins, removeAllPins } from "./pins.ts";
import { type Managed, start, tail } from "./processes.ts";
import type { Served } from "./reach.ts";
import { makeNamespace, makeTopology, type Namespace, type Topology } from "./topology.ts";
import { whenExists, whenListening } from "./waiting.ts";

const NETWORKS = { 4: "10.5.0.0/16", 6: "fd00:5::/48" } as const;
const STORE_PORT = 2379;

interface Running {
  readonly process: Managed;
  readonly runtime: CniRuntime;
}

export interface Container extends Served {
  readonly host: Namespace;
}

export class Fabric {
  readonly topology: Topology;
  readonly storeUrl: string;
  readonly containers: Container[] = [];
  /** Rejects when a daemon or the store ends by itself. */
  readonly broken: Promise<never>;
  readonly #sys: Sys;
  readonly #executables: Executables;
  readonly #options: DemoOptions;
  readonly #dir: string;
  #store: Managed | undefined;
  readonly #hosts = new Map<string, Running>();
  readonly #undo: (() => void)[] = [];
  readonly #breaks: (reason: unknown) => void;

  constructor(sys: Sys, executables: Executables, options: DemoOptions, dir: string) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.broken = promise;
    this.#breaks = reject;
    promise.catch(() => undefined); // whoever races it hears of it
    this.#sys = sys;
    this.#executables = executables;
    this.#options = options;
    this.#dir = dir;
    this.topology = makeTopology(sys, options.hosts, options.families);
    this.storeUrl = `http://${authority(this.topology.switchAddress, STORE_PORT)}`;
  }

  async startStore(): Promise<void> {
    const { switch: net, switchAddress } = this.topology;
    const dataDir = path.join(this.#dir, "store");
    const logFile = path.join(this.#dir, "store.log");
    const listen = authority(switchAddress, STORE_PORT);
    const store = withNetns(this.#sys, net.fd, () =>
      this.#options.store === "embedded"
        ? start({
            name: "loden store",
            command: this.#executables.loden,
            args: ["store", `--data-dir=${dataDir}`, `--listen=${listen}`],
            logFile,
          })
        : start({ name: "etcd", command: "etcd", args: etcdArguments(dataDir, this.storeUrl), logFile }),
    );
    this.#store = store;
    this.#watch(store);
    await Promise.race([this.broken, whenListening(this.#sys, net.fd, switchAddress, STORE_PORT)]);
    const { backend, datapath } = this.#options;
    const type = { Type: backend, ...(backend === "udp" ? { Datapath: datapath } : {}) };
    const config = JSON.stringify({ ...networksOf(this.#options), Backend: type });
    const configLog = path.join(this.#dir, "config.log");
    const put = withNetns(this.#sys, net.fd, () =>
      start({
        name: "loden config put",
        command: this.#executables.loden,
        args: ["config", "put", `--etcd-endpoints=${this.storeUrl}`, config],
        logFile: configLog,
      }),
    );
    const code = await put.exited;
    if (code !== 0) throw new LodenError("ERR_STORE", `the network configuration was not stored:\n${tail(configLog)}`);
  }

  /** Starts a daemon on every host at once, and waits until each has its data path and subnet file. */
  async startDaemons(): Promise<void> {
    notePins(this.#dir, this.topology.hosts);
    const ready = this.topology.hosts.map((host) => {
      const dir = path.join(this.#dir, host.name);
      mkdirSync(dir, { recursive: true, mode: 0o755 });
      const subnetFile = this.subnetFile(host);
      const process = withNetns(this.#sys, host.fd, () =>
        start({
          name: `lodend on ${host.name}`,
          command: this.#executables.lodend,
          args: [
            `--etcd-endpoints=${this.storeUrl}`,
            "--iface=eth0",
            "--ip-masq",
            `--subnet-file=${subnetFile}`,
            `--state-dir=${path.join(dir, "state")}`,
            `--cni-socket=${cniSocket(dir)}`,
            `--node-id=${host.name}`,
          ],
          logFile: path.join(dir, "lodend.log"),
        }),
      );
      this.#watch(process);
      const inHost = <T>(fn: () => T): T => withNetns(this.#sys, host.fd, fn);
      const runtime = new CniRuntime({
        path: [this.#executables.cni],
        network: confList(dir),
        inHost,
        variables: { ...globalThis.process.env, LODEN_CNI_SOCKET: cniSocket(dir) },
      });
      this.#hosts.set(host.name, { process, runtime });
      return whenExists(subnetFile);
    });
    await Promise.race([this.broken, Promise.all(ready)]);
  }

  /** A network namespace and an ADD of the conf list, as a container runtime does it. */
  attach(host: Namespace, number: number): Container {
    const name = `h${host.name.slice(4)}c${number}`;
    const namespace = makeNamespace(this.#sys, name);
    const { runtime } = this.#hosts.get(host.name) as Running;
    const attachment: Attachment = { containerId: `demo-${name}`, netns: namespace.path, ifname: "eth0" };
    const cached: { result?: CniResult } = {};
    this.#undo.push(() => runtime.delete(attachment, cached.result));
    cached.result = runtime.add(attachment);
    const given = (cached.result.ips ?? []).flatMap(({ address }) =>
      address === undefined ? [] : Prefix.parse(address),
    );
    const addresses = this.#options.families.map((family) => {
      const found = given.find((prefix) => prefix.family === family)?.address;
      if (found === undefined) throw new LodenError("ERR_CNI", `${name} got no IPv${family} address`);
      return found;
    });
    const container = { name, namespace, host, addresses };
    this.containers.push(container);
    return container;
  }

  /** Undoes everything; goes on after an error and reports them all at the end. */
  async stop(): Promise<Error[]> {
    const errors: Error[] = [];
    for (const undo of this.#undo.toReversed()) {
      try {
        undo();
      } catch (error) {
        errors.push(error as Error);
      }
    }
    await Promise.all([...this.#hosts.values()].map(({ process }) => process.stop()));
    await this.#store?.stop();
    removeAllPins(this.#dir);
    return errors;
  }

  subnetFile(host: Namespace): string {
    return path.join(this.#dir, host.name, "subnet.env");
  }

  logOf(host: Namespace): string {
    return path.join(this.#dir, host.name, "lodend.log");
  }

  #watch(process: Managed): void {
    process.ended.catch(this.#breaks);
  }
}

function authority(address: Address, port: number): string {
  return address.family === 4 ? `${address.toString()}:${port}` : `[${address.toString()}]:${port}`;
}

/** The part of the network configuration that says which families there are. */
function networksOf({ families }: DemoOptions): object {
  return {
    ...(families.includes(4) ? { Network: NETWORKS[4] } : { EnableIPv4: false }),
    ...(families.includes(6) ? { EnableIPv6: true, IPv6Network: NETWORKS[6] } : {}),
  };
}

/** Every host has resident plugins of its own: the hosts share the files of this machine, but not its network. */
function cniSocket(dir: string): string {
  return path.join(dir, "cni.sock");
}

function confList(dir: string): Network {
  const state = (name: string): string => path.join(dir, name);
  const list: Network = {
    cniVersion: "1.0.0",
    name: "loden-demo",
    plugins: [
      {
        type: "flannel",
        subnetFile: state("subnet.env"),
        dataDir: state("flannel"),
        ipam: { dataDir: state("networks") },
        delegate: { isDefaultGateway: true, hairpinMode: true },
      },
    ],
  };
  writeFileSync(state("10-loden.conflist"), `${JSON.stringify(list, undefined, 2)}\n`);
  return list;
}

function etcdArguments(dataDir: string, url: string): string[] {
  const peerUrl = "http://127.0.0.1:2380"; // a single member: nobody calls it
  return [
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
  ];
}
