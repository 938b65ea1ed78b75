// The data path of the udp backend for kernels that take no BPF programs: a thread between a TUN device and UDP sockets. It
// lives as long as the daemon; the device, and so the routes to it, stay.
import type { Address } from "#kernel/ip/address";
import { Errno, type Sys } from "#kernel/sys";
import { LodenError, errorText } from "#spec/errors";
import type { DatapathWorkerStatus } from "#spec/status";
import type { TunnelPeerSpec, TunnelSpec } from "../../../reconcile/port.ts";
import {
  DROP_REASONS,
  type Datapath,
  type DatapathHost,
  type DatapathTraffic,
  type DropReason,
  type Drops,
} from "../datapath.ts";
import { Carrier } from "./carrier.ts";
import { Counters, countersMemory } from "./counters.ts";
import { familiesIn, openDevice, openSockets, supportedOffloads } from "./descriptors.ts";
import type { FromWorker, Offloads, Opened, SocketPair } from "./messages.ts";
import { ALL_OFFLOADS } from "./offloads.ts";
import { PeerSlots } from "./peer-slots.ts";
import { rawPrefix } from "./subnets.ts";

/** A worker that ends again so soon is not started at once. */
const SOON_MS = 10_000;
const PAUSE_MS = 1_000;

export interface UserspaceDatapathOptions {
  readonly sys: Sys;
  readonly offloads?: Offloads;
  /** The worker has been started, has ended by itself, or has been started again; with the reason of the end. */
  readonly onWorker?: (event: WorkerEvent) => void;
}

export type WorkerEvent =
  | { readonly type: "started" }
  | { readonly type: "ended" | "restarted"; readonly reason: string };

interface Tunnel {
  readonly spec: TunnelSpec;
  readonly device: number;
  /** Index of the device that `device` is attached to. */
  readonly index: number;
  readonly mtu: number;
  readonly sockets: Partial<Record<4 | 6, SocketPair>>;
  /** The device was taken away. */
  isLost: boolean;
}

export class UserspaceDatapath implements Datapath {
  readonly mode = "userspace";
  readonly #sys: Sys;
  readonly #wanted: Offloads;
  readonly #onWorker: NonNullable<UserspaceDatapathOptions["onWorker"]>;
  readonly #memory = countersMemory();
  readonly #counters = new Counters(this.#memory);
  readonly #peers = new PeerSlots();
  #tunnel: Tunnel | undefined;
  #carrier: Carrier | undefined;
  #onAltered: (what: "tunnel" | "tunnel-peer") => void = () => undefined;
  /** Descriptors that the worker may still use. */
  #retired: number[] = [];
  #restarts = 0;
  #reason: string | undefined;
  #startedAt = 0;
  #pause: NodeJS.Timeout | undefined;

  constructor({ sys, offloads = ALL_OFFLOADS, onWorker }: UserspaceDatapathOptions) {
    this.#sys = sys;
    this.#wanted = offloads;
    this.#onWorker = onWorker ?? (() => undefined);
  }

  /** Undefined while there is no tunnel. */
  get status(): DatapathWorkerStatus | undefined {
    if (this.#tunnel === undefined) return undefined;
    const state = this.#carrier?.isRunning === true ? "running" : "waiting";
    return { state, restarts: this.#restarts, reason: this.#reason ?? null };
  }

  find(host: DatapathHost): TunnelSpec | undefined {
    const tunnel = this.#tunnel;
    if (tunnel === undefined) return undefined;
    const isAttached = !tunnel.isLost && host.linkNamed(tunnel.spec.link)?.index === tunnel.index;
    const isWhole = isAttached && (this.#carrier?.isRunning === true || this.#pause !== undefined);
    return isWhole ? tunnel.spec : { ...tunnel.spec, isDamaged: true };
  }

  *peers(): Iterable<TunnelPeerSpec> {
    yield* this.#peers.specs();
  }

  ensure(spec: TunnelSpec, host: DatapathHost): void {
    const link = host.linkNamed(spec.link);
    if (link === undefined) {
      throw new LodenError(
        "ERR_NETLINK",
        `the udp backend's tunnel cannot be made: there is no interface ${spec.link}`,
        {
          fields: { link: spec.link },
        },
      );
    }
    const before = this.#tunnel;
    const offloads = supportedOffloads(this.#sys, this.#wanted);
    const isSameDevice = before !== undefined && !before.isLost && before.index === link.index;
    const isSamePort = before?.spec.port === spec.port;
    const sockets: Partial<Record<4 | 6, SocketPair>> = {};
    const opened: number[] = [];
    try {
      for (const [family, local] of familiesIn(spec.local)) {
        const kept = isSamePort && same(before?.spec.local[family], local) ? before?.sockets[family] : undefined;
        sockets[family] = kept ?? this.#openSockets(local, spec.port, offloads);
        if (kept === undefined) opened.push(sockets[family].data, sockets[family].ask);
      }
      const device = isSameDevice ? before.device : this.#openDevice(spec.link, offloads);
      this.#replace({ spec, device, index: link.index, mtu: link.mtu, sockets, isLost: false });
    } catch (error) {
      for (const fd of opened) this.#sys.close(fd);
      throw error;
    }
    if (this.#carrier?.isRunning === true) this.#tellAll();
    else this.#start(offloads);
  }

  remove(): void {
    this.#stop();
    this.#peers.clear();
    this.#reason = undefined;
    this.#restarts = 0;
  }

  changePeers(added: readonly TunnelPeerSpec[], removed: readonly TunnelPeerSpec[]): (Error | undefined)[] {
    const { message, taken, cleared } = this.#peers.change(added, removed, this.#tunnel?.spec.port ?? 0);
    for (const slot of cleared) this.#counters.clear(slot);
    if (this.#tunnel !== undefined) this.#carrier?.tell(message);
    const full = new LodenError("ERR_BACKEND", "the udp backend's table of peers is full");
    return [...taken.map((isTaken) => (isTaken ? undefined : full)), ...removed.map(() => undefined)];
  }

  watch(onAltered: (what: "tunnel" | "tunnel-peer") => void): Disposable {
    this.#onAltered = onAltered;
    return { [Symbol.dispose]: () => (this.#onAltered = () => undefined) };
  }

  traffic(): DatapathTraffic | undefined {
    const drops = this.drops();
    if (drops === undefined) return undefined;
    return {
      peers: Array.from(this.#peers.endpoints(), ({ address, slot }) => {
        const [sentPackets, sentBytes, sentDrops, receivedPackets, receivedBytes, receivedDrops] =
          this.#counters.peer(slot);
        return {
          endpoint: address,
          sentPackets: sentPackets!,
          sentBytes: sentBytes!,
          sentDrops: sentDrops!,
          receivedPackets: receivedPackets!,
          receivedBytes: receivedBytes!,
          receivedDrops: receivedDrops!,
        };
      }),
      drops,
    };
  }

  drops(): Drops | undefined {
    if (this.#tunnel === undefined) return undefined;
    const drops = DROP_REASONS.map((reason, index) => [reason, this.#counters.dropsOf(index)]);
    return Object.fromEntries(drops) as Record<DropReason, bigint>;
  }

  /** Ends the worker as a defect in it would: for tests. */
  async endWorker(): Promise<void> {
    await this.#carrier?.terminate();
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  #openSockets(local: Address, port: number, offloads: Offloads): SocketPair {
    try {
      return openSockets(this.#sys, local, port, offloads);
    } catch (error) {
      const hint =
        error instanceof Errno && error.symbol === "EADDRINUSE" ? ": another process has it (flanneld?)" : "";
      const text = `the udp backend's port ${port} at ${local.toString()} cannot be opened${hint}: ${errorText(error)}`;
      throw new LodenError("ERR_BACKEND", text, { cause: error, fields: { port } });
    }
  }

  #openDevice(name: string, offloads: Offloads): number {
    try {
      return openDevice(this.#sys, name, offloads);
    } catch (error) {
      const hint = error instanceof Errno && error.symbol === "EBUSY" ? ": another process reads it (flanneld?)" : "";
      throw new LodenError("ERR_BACKEND", `the TUN device ${name} cannot be opened${hint}: ${errorText(error)}`, {
        cause: error,
        fields: { link: name },
      });
    }
  }

  #replace(next: Tunnel): void {
    const used = new Set(descriptorsOf(next));
    if (this.#tunnel !== undefined) this.#retired.push(...descriptorsOf(this.#tunnel).filter((fd) => !used.has(fd)));
    this.#tunnel = next;
    if (this.#carrier?.isRunning !== true) this.#closeRetired();
  }

  #start(offloads: Offloads): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#startedAt = performance.now();
    const carrier = new Carrier(this.#sys, { counters: this.#memory, offloads }, () => this.#counters.rounds, {
      onMessage: (message) => this.#onMessage(carrier, message),
      onEnd: (reason) => this.#onEnd(carrier, reason),
    });
    const before = this.#carrier;
    this.#carrier = carrier;
    this.#tellAll();
    if (before === undefined) this.#onWorker({ type: "started" });
    else if (this.#reason !== undefined) {
      this.#restarts++;
      this.#onWorker({ type: "restarted", reason: this.#reason });
    }
  }

  #tellAll(): void {
    const { spec, device, sockets, mtu } = this.#tunnel!;
    const own: { -readonly [F in 4 | 6]?: Opened["own"][F] } = {};
    for (const [family, subnet] of familiesIn(spec.subnet)) own[family] = rawPrefix(subnet);
    this.#carrier!.tell({ type: "open", device, sockets, mtu, own });
    // Their socket addresses name the port.
    this.#carrier!.tell(this.#peers.all(spec.port));
  }

  #onMessage(carrier: Carrier, message: FromWorker): void {
    if (carrier !== this.#carrier) return;
    if (message.type === "using") {
      const used = new Set(message.descriptors);
      const current = new Set(this.#tunnel === undefined ? [] : descriptorsOf(this.#tunnel));
      // An answer to a message before the last one is about other descriptors than those of now.
      if ([...current].every((fd) => used.has(fd))) this.#closeRetired();
      return;
    }
    if (this.#tunnel !== undefined) this.#tunnel.isLost = true;
    this.#onAltered("tunnel");
  }

  #onEnd(carrier: Carrier, reason: string): void {
    if (carrier !== this.#carrier) return;
    this.#closeRetired();
    if (this.#tunnel === undefined) return;
    this.#reason = reason;
    this.#onWorker({ type: "ended", reason });
    const isSoon = performance.now() - this.#startedAt < SOON_MS && this.#restarts > 0;
    if (!isSoon) {
      this.#onAltered("tunnel");
      return;
    }
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.#onAltered("tunnel");
    }, PAUSE_MS);
  }

  #stop(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    const tunnel = this.#tunnel;
    this.#tunnel = undefined;
    if (tunnel !== undefined) this.#retired.push(...descriptorsOf(tunnel));
    const carrier = this.#carrier;
    this.#carrier = undefined;
    // A descriptor that the worker reads is closed when it does not any more: its number may be another's by then.
    const fds = this.#retired;
    this.#retired = [];
    const close = (): void => fds.forEach((fd) => this.#sys.close(fd));
    if (carrier === undefined) {
      close();
      return;
    }
    carrier.stop();
    void carrier.ended.then(close);
  }

  #closeRetired(): void {
    for (const fd of this.#retired) this.#sys.close(fd);
    this.#retired = [];
  }
}

function descriptorsOf({ device, sockets }: Tunnel): number[] {
  return [device, ...Object.values(sockets).flatMap(({ data, ask }) => [data, ask])];
}

function same(a: Address | undefined, b: Address): boolean {
  return a?.equals(b) === true;
}
