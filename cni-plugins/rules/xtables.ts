// iptables by its programs (iptables-save(8), iptables-restore(8)), for what is asked to use it: one reading and one change
// of a table, whatever the number of rules. Rules are text as iptables-save prints it, which is how they are compared.
import type { Family } from "#kernel/ip/address";
import { readText } from "#kernel/files";
import { queryHasChain } from "#kernel/nft/rules";
import { runProgram } from "#kernel/programs";
import type { Variables } from "../environment.ts";
import { CNI_ERROR, CniError, failure } from "../error.ts";
import type { Machine } from "../plugin.ts";

/** The host's own choice, or one of the two kernel interfaces that programs of both names exist for. */
export type Variant = "" | "-nft" | "-legacy";

const PROGRAM: Readonly<Record<Family, string>> = { 4: "iptables", 6: "ip6tables" };
/** Which tables the old kernel interface has; written by the kernel when one is first used. */
const LEGACY_TABLES: Readonly<Record<Family, string>> = {
  4: "/proc/net/ip_tables_names",
  6: "/proc/net/ip6_tables_names",
};
/** Where the programs are, for runtimes that start plugins with a short PATH. */
const SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin";
/** Bytes of a listing. */
const MAX_OUTPUT = 64 << 20;
/** A change is refused when somebody else's came between reading and writing; then it is made anew. */
const ATTEMPTS = 10;
/** XT_MAX_COMMENT_LEN of linux/netfilter/xt_comment.h, less the final zero. */
const COMMENT_LIMIT = 255;

/** A comment as iptables-save prints it. */
export function commentMatch(text: string): string {
  const cut = text.length <= COMMENT_LIMIT ? text : `${text.slice(0, COMMENT_LIMIT - 2)}...`;
  return `-m comment --comment "${cut.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** `:FORWARD ACCEPT [0:0]` → `:FORWARD` */
function withoutPolicy(line: string): string {
  return line.startsWith(":") ? line.slice(0, line.indexOf(" ")) : line;
}

/** A table as iptables-save prints it: what chains it has, and their rules. */
export class SavedTable {
  readonly lines: ReadonlySet<string>;

  constructor(text: string) {
    this.lines = new Set(text.split("\n").map(withoutPolicy));
  }

  hasChain(name: string): boolean {
    return this.lines.has(`:${name}`);
  }

  /** A rule with its `-A <chain>` in front. */
  hasRule(rule: string): boolean {
    return this.lines.has(rule);
  }

  /** All rules, in order, each with `-A <chain>` in front. */
  get rules(): string[] {
    return [...this.lines].filter((line) => line.startsWith("-A "));
  }

  /** The rules of all chains that jump to one. */
  jumpsTo(chain: string): string[] {
    return this.rules.filter((line) => line.endsWith(` -j ${chain}`) || line.includes(` -j ${chain} `));
  }
}

/** The line that removes a rule. */
export function deletion(rule: string): string {
  return rule.replace(/^-A/, "-D");
}

/** The programs of one invocation. */
export class Xtables {
  readonly #machine: Machine;
  readonly #variables: Variables;

  constructor(machine: Machine, variables: Variables) {
    this.#machine = machine;
    this.#variables = variables;
  }

  /** Undefined when the program is not installed. @throws CniError 999 when it fails */
  save(family: Family, variant: Variant, table: string): SavedTable | undefined {
    const program = `${PROGRAM[family]}${variant}-save`;
    const { isMissing, status, stdout, stderr } = this.#run(program, ["-t", table], "");
    if (isMissing) return undefined;
    if (status !== 0) throw failure(`${program}: ${stderr.trim() || `exit status ${String(status)}`}`);
    return new SavedTable(stdout);
  }

  /**
   * Reads a table, and carries out what `plan` says, all or nothing; nothing at all for an empty plan.
   * @throws CniError 50 when the program is not installed, 999 with iptables' own words when it refuses
   */
  change(family: Family, variant: Variant, table: string, plan: (saved: SavedTable) => readonly string[]): void {
    const program = `${PROGRAM[family]}${variant}-restore`;
    let refused = "";
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const lines = plan(this.#saveOrFail(family, variant, table));
      if (lines.length === 0) return;
      const input = `*${table}\n${lines.join("\n")}\nCOMMIT\n`;
      const { status, stderr } = this.#run(program, ["--noflush", "--wait"], input);
      if (status === 0) return;
      const said = stderr.trim() || `exit status ${String(status)}`;
      // The same answer to the same lines will not change.
      if (said === refused) break;
      refused = said;
    }
    throw failure(`${program}: ${refused}`);
  }

  /** The kernel interfaces that may hold a chain, found without starting a process. */
  variantsWith(family: Family, table: string, chain: string): Variant[] {
    const variants: Variant[] = [];
    const place = { family: family === 4 ? "ip" : "ip6", table, name: chain } as const;
    if (queryHasChain(this.#machine.netfilter(), place)) variants.push("-nft");
    if (this.#legacyTables(family).includes(table)) variants.push("-legacy");
    return variants;
  }

  #legacyTables(family: Family): readonly string[] {
    try {
      return readText(this.#machine.sys, LEGACY_TABLES[family])?.split("\n") ?? [];
    } catch {
      // Without permission there is nothing we could remove either.
      return [];
    }
  }

  /** @throws CniError 50 */
  requirePrograms(families: readonly Family[]): void {
    for (const family of families) this.#saveOrFail(family, "", "filter");
  }

  #saveOrFail(family: Family, variant: Variant, table: string): SavedTable {
    const saved = this.save(family, variant, table);
    if (saved !== undefined) return saved;
    const text = `failed to locate iptables: ${PROGRAM[family]}${variant}-save is not installed; install iptables, or let backend be nftables`;
    throw new CniError(CNI_ERROR.notAvailable, text);
  }

  #run(program: string, args: readonly string[], input: string) {
    const env = { ...this.#variables, PATH: `${this.#variables["PATH"] ?? ""}:${SYSTEM_PATH}` };
    const { status, stdout, stderr, error } = runProgram(program, args, { input, env, maxBuffer: MAX_OUTPUT });
    const failed: NodeJS.ErrnoException | undefined = error;
    const isMissing = failed?.code === "ENOENT";
    return { status, stdout: stdout ?? "", stderr: stderr ?? error?.message ?? "", isMissing };
  }
}
