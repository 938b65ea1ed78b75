// Our nftables tables and what is in their sets: written in one transaction, and found to be as written by comparing what
// nft lists now with what it listed right after the writing. A table from before this process is written anew once, which
// interrupts nothing: what its sets hold is written with it.
import type { Address } from "#kernel/ip/address";
import { nftGeneration } from "#kernel/nft/generation";
import { openNftables, type Nftables } from "#kernel/nft/nftables";
import { openNftQueries, queryAddresses, queryTables } from "#kernel/nft/query";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import type { Marks } from "../marks.ts";
import { nftElementKey, nftTableKey } from "../objects.ts";
import type { ActualObject, KernelObject, NftElementSpec, NftTableSpec, Wanted } from "../port.ts";
import { FLANNEL_TABLES, isLeftoverTable } from "./flannel-tables.ts";

interface Written {
  readonly content: NftTableSpec["content"];
  /** What nft listed after the writing, handles, counters and elements left out. */
  readonly listing: string;
}

type TableName = Pick<NftTableSpec, "family" | "name">;
type Found = ActualObject<"nft-table" | "nft-element">;

/** All that one batch does to tables and elements. */
export interface TableChanges {
  readonly tables: readonly KernelObject<"nft-table">[];
  readonly added: readonly NftElementSpec[];
  readonly removed: readonly NftElementSpec[];
}

/** Sets of a table, by name, of what the table's content declares. */
type Sets = ReadonlySet<string>;

export class NftTables implements Disposable {
  readonly #sys: Sys;
  readonly #marks: Marks;
  readonly #written = new Map<string, Written>();
  #nft: Nftables | undefined;
  #socket: NetlinkSocket | undefined;
  /** What the last dump found, true while the ruleset's generation is the one it was found in. */
  #last: { readonly generation: number; readonly names: string; readonly found: readonly Found[] } | undefined;

  constructor(sys: Sys, marks: Marks) {
    this.#sys = sys;
    this.#marks = marks;
  }

  /** Our tables with their elements, those that are wanted, and what flannel left of this network. */
  dump(wanted: Wanted): readonly Found[] {
    const isNeeded = wanted.of("nft-table")[Symbol.iterator]().next().done !== true;
    const nft = this.#open(isNeeded);
    if (nft === undefined) return [];
    const generation = nftGeneration(this.#sys);
    const names = [...wanted.of("nft-table")].map(({ key }) => key).join();
    if (this.#last?.generation === generation && this.#last.names === names) return this.#last.found;
    const found: Found[] = [];
    for (const { family, name } of queryTables(this.#queries())) {
      if (family !== "inet" && family !== "ip" && family !== "ip6") continue;
      const table = { family, name };
      const key = nftTableKey(family, name);
      const ours = this.#isOurs(table);
      const isLeftover = FLANNEL_TABLES.has(key) && isLeftoverTable(list(nft, table), this.#marks.networks);
      if (!ours && !isLeftover && !wanted.has(key)) continue;
      const written = this.#written.get(key);
      const isIntact = written !== undefined && written.listing === listing(nft, table);
      const content = isIntact ? written.content : [];
      found.push({ kind: "nft-table", key, ours: ours || isLeftover, spec: { ...table, content } });
      if (ours && written !== undefined) found.push(...this.#elements(table, setsOf(written.content)));
      else if (ours) found.push(...this.#elements(table, listedSets(nft, table)));
    }
    this.#last = { generation, names, found };
    return found;
  }

  /**
   * Writes tables whole, and elements, in one transaction: there is no moment without a table's rules, nor one in which a
   * set lacks what it held and shall hold.
   */
  write({ tables, added, removed }: TableChanges): void {
    if (tables.length + added.length + removed.length === 0) return;
    const nft = this.#open(true)!;
    const commands: object[] = [];
    const rewritten = new Map(tables.map(({ spec }) => [nftTableKey(spec.family, spec.name), spec]));
    for (const { spec } of tables) {
      const table = { table: { family: spec.family, name: spec.name } };
      // "add" makes sure that there is one to delete.
      commands.push({ add: table }, { delete: table }, { add: table }, ...spec.content);
    }
    const gone = new Set(removed.map(nftElementKey));
    const kept = tables.flatMap(({ spec }) =>
      this.#elements(spec, setsOf(spec.content)).flatMap((element) => (gone.has(element.key) ? [] : [element.spec])),
    );
    const stale = removed.filter(({ family, table }) => !rewritten.has(nftTableKey(family, table)));
    // What is deleted is added first, as a set that lacks it would have everything refused.
    for (const element of elementCommands([...kept, ...added, ...stale])) commands.push({ add: element });
    for (const element of elementCommands(stale)) commands.push({ delete: element });
    this.#last = undefined;
    nft.run(commands);
    for (const { key, spec } of tables) {
      this.#written.set(key, { content: spec.content, listing: listing(nft, spec) });
    }
  }

  /**
   * Takes tables for written as nft lists them once they are, for who looks and writes nothing. `elsewhere` runs a function
   * in a network namespace where they can be written.
   */
  learn(tables: readonly KernelObject<"nft-table">[], elsewhere: <T>(fn: () => T) => T): void {
    elsewhere(() => {
      using nft = openNftables(this.#sys);
      for (const { key, spec } of tables) {
        const table = { table: { family: spec.family, name: spec.name } };
        nft.run([{ add: table }, ...spec.content]);
        this.#written.set(key, { content: spec.content, listing: listing(nft, spec) });
      }
    });
  }

  remove({ family, name }: TableName): void {
    const table = { table: { family, name } };
    this.#last = undefined;
    this.#open(true)!.run([{ add: table }, { delete: table }]);
    this.#written.delete(nftTableKey(family, name));
  }

  [Symbol.dispose](): void {
    this.#nft?.close();
    this.#nft = undefined;
    this.#socket?.close();
    this.#socket = undefined;
  }

  #isOurs({ family, name }: TableName): boolean {
    if (family !== "inet") return false;
    return name === this.#marks.nftTable || name === this.#marks.peersTable;
  }

  #elements({ family, name: table }: TableName, sets: Sets): ActualObject<"nft-element">[] {
    return [...sets].flatMap((set) =>
      (queryAddresses(this.#queries(), { family, table, name: set }) ?? []).map((address) => {
        const spec = { family, table, set, address };
        return { kind: "nft-element" as const, key: nftElementKey(spec), ours: true, spec };
      }),
    );
  }

  #queries(): NetlinkSocket {
    return (this.#socket ??= openNftQueries(this.#sys));
  }

  /** A host without nftables has no table of ours; it matters when one is wanted. */
  #open(isNeeded: boolean): Nftables | undefined {
    try {
      this.#nft ??= openNftables(this.#sys);
    } catch (error) {
      if (!isNeeded && error instanceof LodenError && !error.retry) return undefined;
      throw error;
    }
    return this.#nft;
  }
}

/** One command per set. */
function elementCommands(elements: readonly NftElementSpec[]): object[] {
  const sets = new Map<string, { readonly spec: NftElementSpec; readonly addresses: Address[] }>();
  for (const spec of elements) {
    const key = `${spec.family} ${spec.table} ${spec.set}`;
    sets.getOrInsertComputed(key, () => ({ spec, addresses: [] })).addresses.push(spec.address);
  }
  return [...sets.values()].map(({ spec: { family, table, set: name }, addresses }) => ({
    element: { family, table, name, elem: addresses.map(String) },
  }));
}

/** The names of the sets that commands declare, or a listing names. */
function setsOf(content: readonly object[]): Sets {
  return new Set(
    content.flatMap((entry) => {
      const declared = ("add" in entry ? entry.add : entry) as { readonly set?: { readonly name?: string } };
      return declared.set?.name ?? [];
    }),
  );
}

function listedSets(nft: Nftables, table: TableName): Sets {
  return setsOf(list(nft, table));
}

function list(nft: Nftables, { family, name }: TableName): object[] {
  return nft.run([{ list: { table: { family, name } } }]);
}

function listing(nft: Nftables, table: TableName): string {
  // Handles, counters and elements change without anybody altering the table.
  return JSON.stringify(list(nft, table), (field, value: unknown) =>
    field === "handle" || field === "packets" || field === "bytes" || field === "elem" ? undefined : value,
  );
}
