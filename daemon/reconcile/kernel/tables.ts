// Our nftables tables: written whole in one transaction, and found to be as written by comparing what nft lists now with
// what it listed right after the writing. A table from before this process is written anew once, which interrupts nothing.
import { openNftables, type Nftables } from "#kernel/nft/nftables";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import type { Marks } from "../marks.ts";
import { nftTableKey } from "../objects.ts";
import type { ActualObject, KernelObject, NftTableSpec, Wanted } from "../port.ts";

interface Written {
  readonly content: NftTableSpec["content"];
  /** What nft listed after the writing, handles and counters left out. */
  readonly listing: string;
}

type TableName = Pick<NftTableSpec, "family" | "name">;

export class NftTables implements Disposable {
  readonly #sys: Sys;
  readonly #marks: Marks;
  readonly #written = new Map<string, Written>();
  #nft: Nftables | undefined;

  constructor(sys: Sys, marks: Marks) {
    this.#sys = sys;
    this.#marks = marks;
  }

  /** Our table, and those that are wanted. */
  dump(wanted: Wanted): ActualObject<"nft-table">[] {
    const names = [...wanted.of("nft-table")].map((object) => object.spec);
    const nft = this.#open(names.length > 0);
    if (nft === undefined) return [];
    const found: ActualObject<"nft-table">[] = [];
    for (const { family, name } of listTables(nft)) {
      const key = nftTableKey(family, name);
      if (name !== this.#marks.nftTable && !wanted.has(key)) continue;
      const written = this.#written.get(key);
      const isIntact = written !== undefined && written.listing === listing(nft, { family, name });
      const content = isIntact ? written.content : [];
      found.push({ kind: "nft-table", key, ours: name === this.#marks.nftTable, spec: { family, name, content } });
    }
    return found;
  }

  /** Writes a table whole, in one transaction: there is no moment without its rules. */
  write(object: KernelObject<"nft-table">): void {
    const { family, name, content } = object.spec;
    const nft = this.#open(true)!;
    const table = { table: { family, name } };
    // "add" makes sure that there is one to delete.
    nft.run([{ add: table }, { delete: table }, { add: table }, ...content]);
    this.#written.set(object.key, { content, listing: listing(nft, { family, name }) });
  }

  remove({ family, name }: TableName): void {
    const table = { table: { family, name } };
    this.#open(true)!.run([{ add: table }, { delete: table }]);
    this.#written.delete(nftTableKey(family, name));
  }

  [Symbol.dispose](): void {
    this.#nft?.close();
    this.#nft = undefined;
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

function listTables(nft: Nftables): TableName[] {
  return nft.run([{ list: { tables: null } }]).flatMap((entry) => {
    const table = "table" in entry ? (entry.table as Partial<TableName>) : undefined;
    return table?.name === undefined || table.family === undefined ? [] : [table as TableName];
  });
}

function listing(nft: Nftables, { family, name }: TableName): string {
  // Handles and counters change without anybody altering the table.
  return JSON.stringify(nft.run([{ list: { table: { family, name } } }]), (field, value: unknown) =>
    field === "handle" || field === "packets" || field === "bytes" ? undefined : value,
  );
}
