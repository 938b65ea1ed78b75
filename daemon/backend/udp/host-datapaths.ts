// The data paths of the udp backend as a daemon has them: both, of which the configuration takes one at a time. Says in the log
// which that is and why, and tells the status and the metrics how it goes.
import type { Sys } from "#kernel/sys";
import type { PeerTrafficCounts } from "#spec/state-document";
import type { DatapathStatus, DatapathWorkerStatus } from "#spec/status";
import type { Log } from "../../log.ts";
import type { Datapath, DropReason } from "./datapath.ts";
import { KernelDatapath } from "./kernel-datapath.ts";
import { knownObstacle } from "./obstacle.ts";
import { UserspaceDatapath } from "./userspace/datapath.ts";
import type { Offloads } from "./userspace/messages.ts";

export interface HostDatapathsOptions {
  readonly sys: Sys;
  readonly offloads: Offloads;
  readonly log: Log;
  /** What the status shows has changed. */
  readonly onChange: () => void;
}

export class HostDatapaths {
  readonly #options: HostDatapathsOptions;
  readonly #userspace: UserspaceDatapath;
  #kernel: KernelDatapath | undefined;
  /** What hindered the kernel when it was asked last. */
  #obstacle: string | undefined;
  /** Why the kernel cannot carry the packets; undefined: it can. */
  readonly obstacle: () => string | undefined;

  constructor(options: HostDatapathsOptions) {
    const { sys, offloads, log, onChange } = options;
    this.#options = options;
    const known = knownObstacle(sys);
    this.obstacle = () => (this.#obstacle = known());
    this.#userspace = new UserspaceDatapath({
      sys,
      offloads,
      onWorker: (event) => {
        if (event.type === "started") {
          const why = this.#obstacle === undefined ? "as the option Datapath says" : `as ${this.#obstacle}`;
          log.info({ component: "udp", datapath: "userspace" }, `a thread carries the udp backend's packets, ${why}`);
        } else {
          const text = { ended: "has ended and is started again", restarted: "runs again" }[event.type];
          log.warn({ component: "udp" }, `the thread that carries the udp backend's packets ${text}: ${event.reason}`);
        }
        onChange();
      },
    });
  }

  /** @param instance tells this daemon's pins from those of others on the host */
  open(instance: string): Datapath[] {
    const { sys, log, onChange } = this.#options;
    this.#kernel = new KernelDatapath({
      sys,
      instance,
      onAttached: (attachment) => {
        const text = `the kernel carries the udp backend's packets, as it takes the programs; they are attached by ${attachment}`;
        log.info({ component: "udp", datapath: "kernel" }, text);
        onChange();
      },
    });
    return [this.#kernel, this.#userspace];
  }

  /** Undefined while no thread carries packets. */
  get worker(): DatapathWorkerStatus | undefined {
    return this.#userspace.status;
  }

  /** Undefined while nobody carries packets. */
  get status(): DatapathStatus | undefined {
    const active = this.#active();
    const drops = active?.drops();
    if (active === undefined || drops === undefined) return undefined;
    return {
      mode: active.mode,
      attachment: active === this.#kernel ? (this.#kernel.attachment ?? null) : null,
      drops: Object.fromEntries(
        (Object.entries(drops) as [DropReason, bigint][]).flatMap(([reason, count]) =>
          count === 0n ? [] : [[reason, Number(count)]],
        ),
      ),
    };
  }

  /** Of each peer that packets were sent to or came from; undefined while nobody counts. */
  traffic(): PeerTrafficCounts[] | undefined {
    return this.#active()
      ?.traffic()
      ?.peers.map((peer) => ({
        endpoint: peer.endpoint.toString(),
        sent: {
          packets: Number(peer.sentPackets),
          bytes: Number(peer.sentBytes),
          dropped: Number(peer.sentDrops),
        },
        received: {
          packets: Number(peer.receivedPackets),
          bytes: Number(peer.receivedBytes),
          dropped: Number(peer.receivedDrops),
        },
      }));
  }

  #active(): Datapath | undefined {
    if (this.#userspace.status !== undefined) return this.#userspace;
    return this.#kernel?.attachment === undefined ? undefined : this.#kernel;
  }
}
