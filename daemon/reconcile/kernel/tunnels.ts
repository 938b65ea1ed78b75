// The data paths of the udp backend, each behind the port of daemon/backend/udp/datapath.ts, as one part of the kernel.
import type { NetlinkSocket } from "#kernel/netlink/socket";
import { LodenError } from "#spec/errors";
import type { Datapath, DatapathHost } from "../../backend/udp/datapath.ts";
import { tunnelKey, tunnelPeerKey } from "../objects.ts";
import type { ActualObject, DatapathMode, Observation, Outcome, TunnelPeerSpec, TunnelSpec, Wanted } from "../port.ts";
import type { Links } from "./links.ts";

export interface TunnelContext {
  readonly socket: NetlinkSocket;
  readonly links: Links;
}

export class Tunnels implements Disposable {
  readonly #datapaths: ReadonlyMap<DatapathMode, Datapath>;

  constructor(datapaths: readonly Datapath[]) {
    this.#datapaths = new Map(datapaths.map((datapath) => [datapath.mode, datapath]));
  }

  *dump(wanted: Wanted, context: TunnelContext): Generator<ActualObject<"tunnel">> {
    for (const [mode, datapath] of this.#datapaths) {
      const isWanted = [...wanted.of("tunnel")].some(({ spec }) => spec.datapath === mode);
      const spec = datapath.find(hostOf(context), isWanted);
      if (spec !== undefined) yield { kind: "tunnel", key: tunnelKey(spec), ours: true, spec };
    }
  }

  *dumpPeers(): Generator<ActualObject<"tunnel-peer">> {
    for (const datapath of this.#datapaths.values()) {
      for (const spec of datapath.peers()) yield { kind: "tunnel-peer", key: tunnelPeerKey(spec), ours: true, spec };
    }
  }

  ensure(spec: TunnelSpec, context: TunnelContext): void {
    this.#of(spec.datapath).ensure(spec, hostOf(context));
  }

  remove(spec: TunnelSpec, context: TunnelContext): void {
    this.#of(spec.datapath).remove(spec, hostOf(context));
  }

  /** An outcome per peer: of those to add, then of those to remove. */
  changePeers(added: readonly TunnelPeerSpec[], removed: readonly TunnelPeerSpec[]): Outcome[] {
    const outcomes: Outcome[] = [...added, ...removed].map(() => undefined);
    const all = [
      ...added.map((spec) => ({ spec, isAdded: true })),
      ...removed.map((spec) => ({ spec, isAdded: false })),
    ];
    const groups = Map.groupBy(all.entries(), ([, { spec }]) => spec.datapath);
    for (const [mode, group] of groups) {
      const pick = (isAdded: boolean): [number, TunnelPeerSpec][] =>
        group.filter(([, each]) => each.isAdded === isAdded).map(([index, { spec }]) => [index, spec]);
      const [puts, deletes] = [pick(true), pick(false)];
      const order = [...puts, ...deletes].map(([index]) => index);
      try {
        const answers = this.#of(mode).changePeers(
          puts.map(([, spec]) => spec),
          deletes.map(([, spec]) => spec),
        );
        for (const [position, index] of order.entries()) outcomes[index] = answers[position];
      } catch (error) {
        const failure = error instanceof Error ? error : new Error(String(error));
        for (const index of order) outcomes[index] = failure;
      }
    }
    return outcomes;
  }

  watch(onObserved: (seen: readonly Observation[]) => void): Disposable {
    const watches = [...this.#datapaths.values()].map((datapath) => datapath.watch((kind) => onObserved([{ kind }])));
    return {
      [Symbol.dispose]: () => {
        for (const watch of watches) watch[Symbol.dispose]();
      },
    };
  }

  [Symbol.dispose](): void {
    for (const datapath of this.#datapaths.values()) datapath[Symbol.dispose]();
  }

  #of(mode: DatapathMode): Datapath {
    const datapath = this.#datapaths.get(mode);
    if (datapath !== undefined) return datapath;
    throw new LodenError("ERR_BACKEND", `this process has no ${mode} data path for the udp backend`);
  }
}

function hostOf({ socket, links }: TunnelContext): DatapathHost {
  return { socket, linkNamed: (name) => links.named(name), linkAt: (index) => links.at(index) };
}
