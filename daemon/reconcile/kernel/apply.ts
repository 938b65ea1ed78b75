// Carries a set of changes out in dependency order: links, then sysctls and nft tables, then everything on links in one
// batch, put up after their addresses and before their routes; at last, in the opposite order, what is to go. Adding
// before removing keeps traffic flowing while objects move from one device to another.
import type { NetlinkError } from "#kernel/netlink/error";
import { linkSet } from "#kernel/netlink/link";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import { tunOpen } from "#kernel/netlink/kind/tun";
import type { Sys } from "#kernel/sys";
import { readSysctl, writeSysctl } from "#kernel/sysctl";
import { LodenError, errorText } from "#spec/errors";
import { standsInTheWay } from "../diff.ts";
import type { Marks } from "../marks.ts";
import {
  OccupiedError,
  type ActualObject,
  type Change,
  type KernelObject,
  type LinkSpec,
  type Outcome,
} from "../port.ts";
import type { Links } from "./links.ts";
import { whyRefused } from "./vxlan-link.ts";
import { addMessage, linkDown, linkMessages, linkUp, removeMessage } from "./messages.ts";
import type { Iptables } from "./iptables.ts";
import type { NftTables, TableChanges } from "./tables.ts";
import type { Tunnels } from "./tunnels.ts";

export interface ApplyContext {
  readonly socket: NetlinkSocket;
  readonly links: Links;
  readonly marks: Marks;
  readonly tables: NftTables;
  readonly iptables: Iptables;
  readonly sys: Sys;
  readonly tunnels: Tunnels;
}

/** A table's part of a batch, and the changes it comes from. */
type TableBatch = { readonly indexes: number[] } & {
  readonly [List in keyof TableChanges]: TableChanges[List][number][];
};

/** One request of a change. */
interface Step {
  readonly change: number;
  readonly message: Message;
  /** Its failure is none of the change: it only clears the way. */
  readonly isOptional?: boolean;
}

/** linux/rtnetlink.h */
const RTM_NEWLINK = 16;

/** Errors of a removal that prove that there is nothing to remove: no such entry, route, device or address. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ESRCH", "ENODEV", "EADDRNOTAVAIL"]);

export function applyChanges(context: ApplyContext, changes: readonly Change[]): Outcome[] {
  const outcomes: Outcome[] = changes.map(() => undefined);
  const run = new Run(context, changes, outcomes);
  run.makeLinks();
  run.setSysctls();
  run.writeTables();
  run.writeIptables();
  run.makeTunnels();
  run.makeAndRemoveObjects();
  run.removeTunnels();
  run.removeTables();
  return outcomes;
}

class Run {
  readonly #context: ApplyContext;
  readonly #changes: readonly Change[];
  readonly #outcomes: Outcome[];

  constructor(context: ApplyContext, changes: readonly Change[], outcomes: Outcome[]) {
    this.#context = context;
    this.#changes = changes;
    this.#outcomes = outcomes;
  }

  makeLinks(): void {
    const { socket, links, marks } = this.#context;
    const steps: Step[] = [];
    const names: string[] = [];
    for (const [index, change] of this.#changes.entries()) {
      if (change.type === "remove" && this.#isInTheWay(change.actual)) {
        steps.push({ change: index, message: removeMessage(marks, links, change.actual)! });
      }
    }
    for (const [index, object, change] of this.#wishes("link")) {
      this.#attempt(index, () => {
        const messages = linkMessages(marks, links, { ...change, object });
        for (const message of object.spec.detail.kind === "tun" ? this.#makeTun(object.spec, messages) : messages) {
          steps.push({ change: index, message });
        }
        names.push(object.spec.name);
      });
    }
    this.#send(steps);
    for (const name of names) links.look(socket, name);
  }

  /** A TUN device is made by opening it, not by a message: those before and after remain. */
  #makeTun({ name, mtu }: LinkSpec, messages: readonly Message[]): Message[] {
    const making = messages.findIndex(({ type, flags }) => type === RTM_NEWLINK && flags !== 0);
    if (making < 0) return [...messages];
    const { socket, sys } = this.#context;
    for (const outcome of socket.batch(messages.slice(0, making))) if (outcome !== undefined) throw outcome;
    sys.close(tunOpen(sys, { name, mode: "tun", persist: true }).fd);
    return [linkSet({ name }, { mtu }), ...messages.slice(making + 1)];
  }

  makeTunnels(): void {
    const { tunnels, socket, links } = this.#context;
    for (const [index, { spec }] of this.#wishes("tunnel")) {
      this.#attempt(index, () => tunnels.ensure(spec, { socket, links }));
    }
    const wanted = [...this.#wishes("tunnel-peer")];
    const gone = this.#removals("tunnel-peer");
    const outcomes = tunnels.changePeers(
      wanted.map(([, { spec }]) => spec),
      gone.map(([, { spec }]) => spec),
    );
    for (const [position, [index]] of [...wanted, ...gone].entries()) this.#outcomes[index] ??= outcomes[position];
  }

  removeTunnels(): void {
    const { tunnels, socket, links } = this.#context;
    for (const [index, { spec }] of this.#removals("tunnel")) {
      this.#attempt(index, () => tunnels.remove(spec, { socket, links }));
    }
  }

  setSysctls(): void {
    for (const [index, { spec }] of this.#wishes("sysctl")) {
      this.#attempt(index, () => {
        if (spec.ifPresent === true && readSysctl(spec.path) === undefined) return;
        writeSysctl(spec.path, spec.value);
      });
    }
  }

  /** A table and its elements are one transaction. */
  writeTables(): void {
    const { tables } = this.#context;
    const wanted = [...this.#wishes("nft-table")];
    const groups = new Map<string, TableBatch>();
    const batch = (table: string): TableBatch =>
      groups.getOrInsertComputed(table, () => ({ indexes: [], tables: [], added: [], removed: [] }));
    for (const [index, object] of wanted) {
      const { indexes, tables: whole } = batch(object.spec.name);
      indexes.push(index);
      whole.push(object);
    }
    for (const [index, { spec }] of this.#wishes("nft-element")) {
      const { indexes, added } = batch(spec.table);
      indexes.push(index);
      added.push(spec);
    }
    const gone = new Set(this.#removals("nft-table").map(([, { spec }]) => spec.name));
    for (const [index, { spec }] of this.#removals("nft-element")) {
      if (gone.has(spec.table)) continue;
      const { indexes, removed } = batch(spec.table);
      indexes.push(index);
      removed.push(spec);
    }
    for (const { indexes, ...changes } of groups.values()) {
      this.#attemptAll(indexes, () => tables.write(changes));
    }
  }

  removeTables(): void {
    for (const [index, { spec }] of this.#removals("nft-table")) {
      this.#attempt(index, () => this.#context.tables.remove(spec));
    }
  }

  writeIptables(): void {
    const { iptables } = this.#context;
    for (const [index, { spec }] of this.#wishes("iptables")) this.#attempt(index, () => iptables.write(spec));
    for (const [index, { spec }] of this.#removals("iptables")) this.#attempt(index, () => iptables.remove(spec));
  }

  /** All that netlink does besides making links, in one batch. */
  makeAndRemoveObjects(): void {
    const { links, marks } = this.#context;
    const steps: Step[] = [];
    const add = (kind: "address" | "neighbour" | "fdb" | "route"): void => {
      for (const [index, object, change] of this.#wishes(kind)) {
        const mode = change.type === "add" ? "create" : "replace";
        this.#attempt(index, () => {
          const message = addMessage(marks, links, object, mode);
          if (change.type === "update" && blocksItsSuccessor(change)) {
            const clear = removeMessage(marks, links, change.actual);
            if (clear !== undefined) steps.push({ change: index, message: clear, isOptional: true });
          }
          steps.push({ change: index, message });
        });
      }
    };
    const remove = (kind: "link" | "address" | "neighbour" | "fdb" | "route"): void => {
      for (const [index, change] of this.#changes.entries()) {
        if (change.type !== "remove" || change.actual.kind !== kind) continue;
        const message = removeMessage(marks, links, change.actual);
        if (message !== undefined) steps.push({ change: index, message });
      }
    };
    add("address");
    for (const [index, { spec }] of this.#wishes("link")) {
      if (this.#outcomes[index] !== undefined) continue;
      steps.push({ change: index, message: spec.up ? linkUp(spec.name) : linkDown(spec.name) });
    }
    for (const kind of ["neighbour", "fdb", "route"] as const) add(kind);
    for (const kind of ["route", "fdb", "neighbour", "address", "link"] as const) remove(kind);
    this.#send(steps);
    for (const change of this.#changes) {
      if (change.type === "remove" && change.actual.kind === "link") links.deleteName(change.actual.spec.name);
    }
  }

  #isInTheWay(actual: ActualObject): actual is ActualObject<"link"> {
    return actual.kind === "link" && [...this.#wishes("link")].some(([, wish]) => standsInTheWay(actual, wish));
  }

  *#wishes<Kind extends KernelObject["kind"]>(
    kind: Kind,
  ): Generator<[number, KernelObject<Kind>, Exclude<Change, { type: "remove" }>]> {
    for (const [index, change] of this.#changes.entries()) {
      if (change.type !== "remove" && change.object.kind === kind) {
        // The kind has just been compared; the compiler does not see through the type parameter.
        yield [index, change.object as KernelObject<Kind>, change];
      }
    }
  }

  #removals<Kind extends KernelObject["kind"]>(kind: Kind): [number, ActualObject<Kind>][] {
    return this.#changes.flatMap((change, index) =>
      // As above.
      change.type === "remove" && change.actual.kind === kind ? [[index, change.actual as ActualObject<Kind>]] : [],
    );
  }

  #attempt(index: number, act: () => void): void {
    this.#attemptAll([index], act);
  }

  /** `act` carries several changes out together, or none of them. */
  #attemptAll(indexes: readonly number[], act: () => void): void {
    try {
      act();
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      for (const index of indexes) this.#outcomes[index] ??= failure;
    }
  }

  #send(steps: readonly Step[]): void {
    const results = this.#context.socket.batch(steps.map((step) => step.message));
    for (const [position, error] of results.entries()) {
      const { change: index, isOptional } = steps[position]!;
      if (error !== undefined && isOptional !== true)
        this.#outcomes[index] ??= outcomeOf(this.#changes[index]!, error, this.#context.links);
    }
  }
}

/**
 * IPv6 refuses an onlink route whose gateway lies, by the routes there are, behind another device; a peer's route is such
 * a route to its own gateway, so that it must be deleted before it can move (ip6_route_check_nh_onlink).
 */
function blocksItsSuccessor(
  change: Extract<Change, { type: "update" }>,
): change is Extract<Change, { type: "update" }> & { readonly actual: ActualObject<"route"> } {
  const { object, actual } = change;
  if (object.kind !== "route" || actual.kind !== "route") return false;
  return object.spec.onlink && object.spec.destination.family === 6 && actual.spec.link !== object.spec.link;
}

function outcomeOf(change: Change, error: NetlinkError, links: Links): Outcome {
  if (change.type === "remove") {
    if (GONE.has(error.symbol)) return undefined;
    const { key } = change.actual;
    return new LodenError("ERR_NETLINK", `${key} cannot be removed: ${errorText(error)}`, {
      cause: error,
      fields: { key, ...error.fields },
    });
  }
  const { object } = change;
  const { key, because } = object;
  const isVxlan = object.kind === "link" && object.spec.detail.kind === "vxlan";
  const why = isVxlan ? whyRefused(object.spec.name, object.spec.detail, error, links.all()) : undefined;
  const isTaken = change.type === "add" && error.symbol === "EEXIST" && why === undefined;
  return new (isTaken ? OccupiedError : LodenError)(
    "ERR_NETLINK",
    `${key}, wanted by ${because}, cannot be made: ${why === undefined ? "" : `${why}; `}${errorText(error)}`,
    { cause: error, fields: { key, because, ...error.fields } },
  );
}
