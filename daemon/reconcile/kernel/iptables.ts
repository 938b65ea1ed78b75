// Our chains in iptables: found by what iptables-save prints, written by one run of iptables-restore per family, in which
// each table is one transaction. Flannel's names for the chains, so they may have been flannel's; they count as ours, and
// go when nobody wants them, where all they speak of lies in this daemon's networks (spec/decisions/firewall.md).
import { Prefix } from "#kernel/ip/prefix";
import { FAMILIES } from "#kernel/ip/address";
import { nftGeneration } from "#kernel/nft/generation";
import { openNftQueries, queryChains } from "#kernel/nft/query";
import { parseSave, targetOf, type SavedTables } from "#kernel/iptables/save";
import type { IptablesVariant } from "#kernel/iptables/programs";
import { describePrograms, hasPrograms, legacyTables, restoreTables, saveTables } from "#kernel/iptables/programs";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import type { Marks } from "../marks.ts";
import { iptablesKey } from "../objects.ts";
import type { ActualObject, IptablesChain, IptablesSpec, Wanted } from "../port.ts";

type Variant = Exclude<IptablesVariant, "default">;
type Place = Pick<IptablesSpec, "family" | "variant">;

/** flannel's chains, and ours: by name the table and the built-in chain that leads to them. */
export const IPTABLES_CHAINS: ReadonlyMap<string, Pick<IptablesChain, "table" | "parent">> = new Map([
  ["FLANNEL-POSTRTG", { table: "nat", parent: "POSTROUTING" }],
  ["FLANNEL-FWD", { table: "filter", parent: "FORWARD" }],
]);

/** The first release that knows --random-fully. */
const RANDOM_FULLY_SINCE = [1, 6, 2];

/** A generation that does not change. */
const NEVER = -1;

export class Iptables {
  readonly #sys: Sys;
  readonly #marks: Marks;
  /** Processes of ours whose changes the kernel may still tell of. */
  readonly #pids = new Set<number>();
  /** By key what was wanted, and what iptables-save then printed: it words some rules in its own way. */
  readonly #written = new Map<string, { readonly chains: readonly IptablesChain[]; readonly found: string }>();
  /** What the last look at a place found, as of a generation of nf_tables. */
  readonly #last = new Map<string, { readonly generation: number; readonly chains: readonly IptablesChain[] }>();
  #isWanted = false;
  readonly #programs = new Map<string, ReturnType<typeof describePrograms>>();

  constructor(sys: Sys, marks: Marks) {
    this.#sys = sys;
    this.#marks = marks;
  }

  /** The change was made by a process that this one ran. Asked once per change. */
  isOwn(pid: number | undefined): boolean {
    return pid !== undefined && this.#pids.delete(pid);
  }

  /** True while anything wanted can be altered by way of nf_tables. */
  get isWatched(): boolean {
    return this.#isWanted;
  }

  dump(wanted: Wanted): ActualObject<"iptables">[] {
    const objects: ActualObject<"iptables">[] = [];
    const wishes = [...wanted.of("iptables")];
    this.#isWanted = wishes.length > 0;
    const present = this.#presentPlaces();
    for (const family of FAMILIES) {
      for (const variant of ["nft", "legacy"] as const) {
        const wish = wishes.find(
          ({ spec }) => spec.family === family && hasPrograms(family, spec.variant) && this.#resolve(spec) === variant,
        );
        const place = { family, variant: wish?.spec.variant ?? variant };
        if (wish === undefined && !present.has(iptablesKey({ family, variant }))) continue;
        if (!hasPrograms(family, place.variant)) continue;
        const chains = this.#look(place, variant, wish !== undefined);
        if (chains.length === 0) continue;
        const key = iptablesKey(place);
        const written = this.#written.get(key);
        const isAsWritten = written !== undefined && written.found === JSON.stringify(chains);
        const ours = wish !== undefined || isLeftover(chains, this.#marks.networks);
        objects.push({
          kind: "iptables",
          key,
          ours,
          spec: { ...place, chains: isAsWritten ? written.chains : chains },
        });
      }
    }
    return objects;
  }

  /** @throws LodenError ERR_MISSING_TOOL, ERR_IPTABLES */
  write(spec: IptablesSpec): void {
    const supported = this.#supports(spec);
    const { chains } = supported;
    this.#restore(spec, chains);
    const found = this.#look(spec, this.#resolve(spec), true);
    this.#written.set(iptablesKey(spec), { chains: spec.chains, found: JSON.stringify(found) });
  }

  remove(place: Place): void {
    this.#written.delete(iptablesKey(place));
    this.#restore(place, []);
  }

  #restore(place: Place, wanted: readonly IptablesChain[]): void {
    const { family, variant } = place;
    const saved = parseSave(saveTables(family, variant).output);
    const text = restoreText(saved, wanted);
    this.#last.delete(iptablesKey(place));
    if (text === "") return;
    this.#pids.add(restoreTables(family, variant, text).pid);
  }

  /** Where chains with our names stand: asked of the kernel, which costs no process. */
  #presentPlaces(): Set<string> {
    const places = new Set<string>();
    for (const family of FAMILIES) {
      const tables = legacyTables(family);
      if (tables.has("nat") || tables.has("filter")) places.add(iptablesKey({ family, variant: "legacy" }));
    }
    for (const { family, table, name } of this.#chains()) {
      if (IPTABLES_CHAINS.get(name)?.table !== table || (family !== "ip" && family !== "ip6")) continue;
      places.add(iptablesKey({ family: family === "ip" ? 4 : 6, variant: "nft" }));
    }
    return places;
  }

  #chains(): ReturnType<typeof queryChains> {
    try {
      using socket = openNftQueries(this.#sys);
      return queryChains(socket);
    } catch (error) {
      // A kernel without nf_tables, or one that lists nothing: there is no chain of ours in it.
      if (error instanceof LodenError) return [];
      throw error;
    }
  }

  /**
   * Our chains as they are. Those on nf_tables are not looked at again before something has changed there; legacy tables
   * tell nobody what changes, so they are looked at each time if anything is wanted of them, and else once.
   */
  #look(place: Place, variant: Variant, isWanted: boolean): readonly IptablesChain[] {
    const key = iptablesKey(place);
    const generation = variant === "nft" ? nftGeneration(this.#sys) : isWanted ? undefined : NEVER;
    const last = this.#last.get(key);
    if (last !== undefined && last.generation === generation) return last.chains;
    const chains = ourChains(parseSave(saveTables(place.family, place.variant).output));
    if (generation === undefined) this.#last.delete(key);
    else this.#last.set(key, { generation, chains });
    return chains;
  }

  #resolve({ family, variant }: Place): Variant {
    return variant === "default" ? this.#describe({ family, variant }).variant : variant;
  }

  #describe(place: Place): ReturnType<typeof describePrograms> {
    const { family, variant } = place;
    return this.#programs.getOrInsertComputed(iptablesKey(place), () => describePrograms(family, variant));
  }

  /** Without --random-fully where the programs are too old for it. */
  #supports(spec: IptablesSpec): IptablesSpec {
    if (!spec.chains.some(({ rules }) => rules.some((rule) => rule.includes(RANDOM_FULLY)))) return spec;
    const version = this.#describe(spec).version.split(".").map(Number);
    if (compareVersions(version, RANDOM_FULLY_SINCE) >= 0) return spec;
    const chains = spec.chains.map((chain) => ({
      ...chain,
      rules: chain.rules.map((rule) => rule.replace(RANDOM_FULLY, "")),
    }));
    return { ...spec, chains };
  }
}

const RANDOM_FULLY = " --random-fully";

function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const order = (a[at] ?? 0) - (b[at] ?? 0);
    if (order !== 0) return order;
  }
  return 0;
}

/** The chains with our names that a listing has. */
export function ourChains(saved: SavedTables): IptablesChain[] {
  return [...IPTABLES_CHAINS].flatMap(([name, { table, parent }]) => {
    const chain = saved.get(table)?.get(name);
    if (chain === undefined) return [];
    const jumps = jumpsTo(saved, table, parent, name);
    return [{ table, name, parent, jump: jumps[0] ?? "", jumps: jumps.length, rules: chain.rules }];
  });
}

/**
 * What brings the chains from what they are to what they should be, in the language of iptables-restore: one transaction
 * per table. "" where there is nothing to do. The rule that leads to a chain keeps its place if there is exactly one.
 */
export function restoreText(saved: SavedTables, wanted: readonly IptablesChain[]): string {
  const lines: string[] = [];
  for (const table of ["nat", "filter"] as const) {
    const edits = [...IPTABLES_CHAINS].flatMap(([name, place]) => {
      if (place.table !== table) return [];
      const chain = wanted.find((each) => each.name === name);
      const isThere = saved.get(table)?.has(name) === true;
      const jumps = jumpsTo(saved, table, place.parent, name);
      const keepsJump = chain !== undefined && jumps.length === 1 && jumps[0] === chain.jump;
      const drops = keepsJump ? [] : jumps.map((jump) => `-D ${place.parent} ${jump}`);
      // Naming a chain like this makes it, or empties it.
      if (chain === undefined) return isThere ? [`:${name} - [0:0]`, ...drops, `-X ${name}`] : [];
      const rules = chain.rules.map((rule) => `-A ${name} ${rule}`);
      return [`:${name} - [0:0]`, ...drops, ...rules, ...(keepsJump ? [] : [`-A ${place.parent} ${chain.jump}`])];
    });
    if (edits.length > 0) lines.push(`*${table}`, ...edits, "COMMIT");
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

/** Every address that the rules name lies within `networks` or is multicast, and there is one. */
export function isLeftover(chains: readonly IptablesChain[], networks: readonly Prefix[]): boolean {
  const places = chains
    .flatMap(({ rules }) => rules)
    .flatMap((rule) => [...rule.matchAll(/-[sd] (\S+)/g)])
    .flatMap(
      ([, text = ""]) => Prefix.tryParse(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`) ?? [],
    )
    .filter(({ address }) => !address.isMulticast);
  return places.length > 0 && places.every((place) => networks.some((network) => network.contains(place)));
}

function jumpsTo(saved: SavedTables, table: string, parent: string, name: string): string[] {
  return (
    saved
      .get(table)
      ?.get(parent)
      ?.rules.filter((rule) => targetOf(rule) === name) ?? []
  );
}

/** Which of our chains a notification can tell of: table and chain by name, the built-in ones that lead to them too. */
export function isOurChain(table: string | undefined, chain: string | undefined): boolean {
  if (chain === undefined) return false;
  const own = IPTABLES_CHAINS.get(chain);
  if (own !== undefined) return own.table === table;
  return [...IPTABLES_CHAINS.values()].some((each) => each.table === table && each.parent === chain);
}
