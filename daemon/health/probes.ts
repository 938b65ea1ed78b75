// Echo requests to every peer, one peer at a time: to its node, and through the overlay to its gateway. Loss, round trip and
// the longest packet that passes are kept per peer, and a path that carries less than this host's MTU is reported: packets
// of that length are lost there, which looks like connections that open and then hang.
import { FAMILIES, type Address, type Family } from "#kernel/ip/address";
import type { Prober } from "#kernel/raw";
import { LodenError } from "#spec/errors";
import type { PathStatus, PeerProbe } from "#spec/status";
import type { Clock } from "../clock.ts";
import type { Lease, Node } from "../lease/types.ts";
import { findPathMtu } from "./path-mtu.ts";

/** At most one peer in this time is probed. */
const PACE_MS = 1_000;
const TIMEOUT_MS = 1_000;
/** What is known to answer within so much is not waited for longer than this and ten times as much. */
const LEAST_TIMEOUT_MS = 200;
/** Probes that the loss is counted over. */
const WINDOW = 20;
/** ICMP header and, in front of it, the IP header: what an echo request has besides its payload. */
const HEADERS: Readonly<Record<Family, number>> = { 4: 28, 6: 48 };
/** What ping(8) sends. */
const SMALL = 56;

export type Echo = Pick<Prober, "probe">;

/** What the prober asks about. */
export interface ProbeTargets {
  leases(): readonly Lease[];
  node(): Node;
  /** MTU of the overlay. */
  overlayMtu(): number;
}

export interface ProbesParts {
  readonly clock: Clock;
  readonly targets: ProbeTargets;
  readonly echo: Readonly<Record<Family, Echo>>;
  /** Least time between two probes of one peer. */
  readonly intervalMs: number;
  /** After every peer; `isNews` where it is reached or its path MTU is another than before. */
  readonly onProbed: (isNews: boolean) => void;
}

/** What is remembered of one address, or of two that stand for one. */
interface Path {
  target: Address;
  /** Whether each of the last probes was answered. */
  readonly answered: boolean[];
  roundTrip: number | undefined;
  mtu: number | undefined;
  /** What should pass. */
  wanted: number;
}

interface Known {
  readonly family: Family;
  readonly lease: Lease;
  readonly underlay: Path;
  readonly overlay: Path;
  /** Wall clock, milliseconds. */
  probed: number;
}

export class Probes {
  readonly #parts: ProbesParts;
  /** By lease and family, in the order in which they were probed: the first is the next. */
  readonly #known = new Map<string, Known>();
  /** When each lease was probed last, on the monotonic clock. */
  readonly #turns = new Map<string, number>();

  constructor(parts: ProbesParts) {
    this.#parts = parts;
  }

  results(): PeerProbe[] {
    const { clock } = this.#parts;
    const shown = ({ target, answered, roundTrip, mtu }: Path): PathStatus => ({
      target: target.toString(),
      loss: answered.length === 0 ? 0 : answered.filter((is) => !is).length / answered.length,
      roundTripMs: roundTrip === undefined ? null : Math.round(roundTrip * 1_000) / 1_000,
      mtu: mtu ?? null,
    });
    return Array.from(this.#known.values(), ({ lease, family, probed, underlay, overlay }) => ({
      peer: lease.key,
      family,
      probed: new Date(Math.min(probed, clock.wall())).toISOString(),
      underlay: shown(underlay),
      overlay: shown(overlay),
    }));
  }

  /** What is to be said of paths that carry too little; undefined when all that are known carry enough. */
  shortfall(): LodenError | undefined {
    const short = [...this.#known.values()].flatMap(({ lease, underlay, overlay }) => {
      const path = [underlay, overlay].find(({ mtu, wanted }) => mtu !== undefined && mtu < wanted);
      return path === undefined ? [] : [{ lease, path, isOverlay: path === overlay }];
    });
    const [first] = short;
    if (first === undefined) return undefined;
    const { lease, path, isOverlay } = first;
    const mtu = path.mtu ?? 0;
    const what = isOverlay ? "through the overlay" : "over the underlay";
    const more = short.length === 1 ? "" : ` (and ${short.length - 1} more)`;
    return new LodenError(
      "ERR_MTU",
      `the path to ${path.target.toString()} of lease ${lease.key}, ${what}, carries packets of ${mtu} bytes, and the ` +
        `MTU here is ${path.wanted}${more}: longer ones are lost or cut. Give the interface the MTU that the network has, ` +
        "and restart lodend; or raise the network's",
      { fields: { lease: lease.key, mtu } },
    );
  }

  /** Probes until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, targets, intervalMs, onProbed } = this.#parts;
    while (!signal.aborted) {
      const began = clock.monotonic();
      const leases = targets.leases();
      this.#forget(leases);
      const next = this.#next(leases);
      if (next !== undefined && began >= (this.#turns.get(next.key) ?? -Infinity) + intervalMs) {
        const isNews = await this.#visit(next, signal);
        this.#turns.delete(next.key);
        this.#turns.set(next.key, began);
        if (signal.aborted) return;
        onProbed(isNews);
      }
      const rest = PACE_MS - (clock.monotonic() - began);
      await clock.sleep(Math.max(rest, 0), signal).catch(() => undefined);
    }
  }

  #forget(leases: readonly Lease[]): void {
    const keys = new Set(leases.map(({ key }) => key));
    for (const key of this.#turns.keys()) if (!keys.has(key)) this.#turns.delete(key);
    for (const [name, { lease }] of this.#known) if (!keys.has(lease.key)) this.#known.delete(name);
  }

  /** Who was not asked yet, or the longest ago. */
  #next(leases: readonly Lease[]): Lease | undefined {
    const fresh = leases.find(({ key }) => !this.#turns.has(key));
    if (fresh !== undefined) return fresh;
    const [oldest] = this.#turns.keys();
    return leases.find(({ key }) => key === oldest);
  }

  async #visit(lease: Lease, signal: AbortSignal): Promise<boolean> {
    const { targets, clock } = this.#parts;
    const node = targets.node();
    let isNews = false;
    for (const family of FAMILIES) {
      const [endpoint, subnet] = [lease.publicAddress[family], lease.subnet[family]?.masked];
      if (endpoint === undefined || subnet === undefined || node.subnet[family] === undefined) continue;
      const name = `${lease.key} ${family}`;
      const before = this.#known.get(name);
      // The device of the overlay has the subnet's first address, the bridge of the containers the next.
      const gateways = [subnet.first, subnet.first.add(1)];
      const known: Known = {
        family,
        lease,
        underlay: pathTo(before?.underlay, [endpoint], node.link.mtu),
        overlay: pathTo(before?.overlay, gateways, targets.overlayMtu()),
        probed: clock.wall(),
      };
      this.#known.delete(name);
      for (const [path, others] of [
        [known.underlay, [endpoint]],
        [known.overlay, gateways],
      ] as const) {
        if (await this.#probePath(family, path, others, signal)) isNews = true;
        if (signal.aborted) return isNews;
      }
      this.#known.set(name, known);
    }
    return isNews;
  }

  /** True where it tells anything new. */
  async #probePath(family: Family, path: Path, targets: readonly Address[], signal: AbortSignal): Promise<boolean> {
    const [wasAnswered, mtu] = [path.answered.at(-1), path.mtu];
    let roundTrip: number | undefined;
    for (const target of [path.target, ...targets.filter((each) => !each.equals(path.target))]) {
      roundTrip = await this.#echo(family, target, SMALL, undefined, signal);
      if (signal.aborted) return false;
      if (roundTrip === undefined) continue;
      path.target = target;
      break;
    }
    path.answered.push(roundTrip !== undefined);
    if (path.answered.length > WINDOW) path.answered.shift();
    if (roundTrip !== undefined) {
      path.roundTrip = roundTrip;
      const patience = Math.min(TIMEOUT_MS, LEAST_TIMEOUT_MS + 10 * roundTrip);
      const passes = async (size: number): Promise<boolean> => {
        signal.throwIfAborted();
        return (await this.#echo(family, path.target, size - HEADERS[family], patience, signal)) !== undefined;
      };
      const found = await findPathMtu(passes, SMALL + HEADERS[family], path.wanted, path.mtu).catch(() => undefined);
      path.mtu = found ?? path.mtu;
    }
    return wasAnswered !== path.answered.at(-1) || mtu !== path.mtu;
  }

  /**
   * Milliseconds; undefined without an answer.
   * @param patience how long to wait for one that may not be cut; undefined: it may
   */
  async #echo(
    family: Family,
    target: Address,
    size: number,
    patience: number | undefined,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    try {
      return await this.#parts.echo[family].probe(target, {
        timeoutMs: patience ?? TIMEOUT_MS,
        size,
        wholeOnly: patience !== undefined,
        signal,
      });
    } catch (error) {
      if (error instanceof LodenError || signal.aborted) return undefined;
      throw error;
    }
  }
}

/** What was known, unless it is about another address. */
function pathTo(before: Path | undefined, targets: readonly Address[], wanted: number): Path {
  const isSame = before !== undefined && targets.some((target) => target.equals(before.target));
  if (isSame) return { ...before, wanted };
  return { target: targets[0]!, answered: [], roundTrip: undefined, mtu: undefined, wanted };
}
