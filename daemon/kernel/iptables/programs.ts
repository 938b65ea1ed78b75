// The programs of iptables (iptables-save(8), iptables-restore(8)), both families and both variants: the one on nf_tables
// and the one on the older tables of the kernel ("legacy").
import { readFileSync } from "node:fs";
import { LodenError } from "#spec/errors";
import type { Family } from "../ip/address.ts";
import { findProgram } from "../program.ts";
import { runProgram } from "../programs.ts";

/** Which iptables: `default` is what the host's iptables is an alternative for. */
export type IptablesVariant = "default" | "nft" | "legacy";

/** Seconds to wait for the lock that all programs of the legacy variant share (/run/xtables.lock). */
const LOCK_SECONDS = "2";
/** Milliseconds, lock included: a process that is not done by then is stopped. */
const TIMEOUT_MS = 10_000;
/** Bytes of a listing: a host with kube-proxy and ten thousand services has some tens of megabytes. */
const MAX_OUTPUT = 256 << 20;

/** The files that name the legacy tables which are in use; absent without the module. */
const LEGACY_TABLES: Readonly<Record<Family, string>> = {
  4: "/proc/net/ip_tables_names",
  6: "/proc/net/ip6_tables_names",
};

export interface ProgramRun {
  readonly output: string;
  /** Of the process that ran: notifications name it as the author of a change. */
  readonly pid: number;
}

/** `ip6tables-legacy-save` and so on. */
export function programName(family: Family, variant: IptablesVariant, tool: "" | "save" | "restore"): string {
  const words = [family === 4 ? "iptables" : "ip6tables", variant === "default" ? "" : variant, tool];
  return words.filter((word) => word !== "").join("-");
}

export function hasPrograms(family: Family, variant: IptablesVariant): boolean {
  return (["save", "restore"] as const).every((tool) => findProgram(programName(family, variant, tool)) !== undefined);
}

/**
 * All tables as text. Of the legacy variant only those that are in use.
 * @throws LodenError ERR_MISSING_TOOL, ERR_IPTABLES
 */
export function saveTables(family: Family, variant: IptablesVariant): ProgramRun {
  return run(programName(family, variant, "save"), [], "");
}

/**
 * Carries out what is written in the language of iptables-save; each table in it is one transaction.
 * @throws LodenError ERR_MISSING_TOOL, ERR_IPTABLES
 */
export function restoreTables(family: Family, variant: IptablesVariant, text: string): ProgramRun {
  const name = programName(family, variant, "restore");
  return run(name, ["--noflush", "-w", LOCK_SECONDS], text);
}

/**
 * The variant and the version of the host's iptables, as `iptables v1.8.9 (nf_tables)` tells them; releases before 1.8
 * name no variant and are legacy.
 * @throws LodenError ERR_MISSING_TOOL, ERR_IPTABLES
 */
export function describePrograms(
  family: Family,
  variant: IptablesVariant,
): { readonly variant: "nft" | "legacy"; readonly version: string } {
  const { output } = run(programName(family, variant, ""), ["--version"], "");
  const version = /v(\d+(?:\.\d+)*)/.exec(output)?.[1] ?? "0";
  return { variant: output.includes("nf_tables") ? "nft" : "legacy", version };
}

/** Names of the legacy tables that are in use in this network namespace; asking makes none. */
export function legacyTables(family: Family): ReadonlySet<string> {
  try {
    return new Set(readFileSync(LEGACY_TABLES[family], "utf8").split("\n").filter(Boolean));
  } catch {
    return new Set();
  }
}

function run(name: string, args: readonly string[], input: string): ProgramRun {
  const program = findProgram(name);
  if (program === undefined) {
    throw new LodenError(
      "ERR_MISSING_TOOL",
      `${name} is not installed, and iptables is asked for: on Debian, apt-get install iptables; or let the rules be ` +
        'written with nftables: --firewall=nftables, or "EnableNFTables": true in the network configuration',
      { fields: { program: name } },
    );
  }
  const limits = { maxBuffer: MAX_OUTPUT, timeout: TIMEOUT_MS };
  const { status, signal, error, stdout, stderr, pid } = runProgram(program, args, { input, ...limits });
  if (status === 0 && error === undefined) return { output: stdout, pid };
  const complaint =
    error?.message ?? (stderr.trim().split("\n").slice(0, 2).join("; ") || `it ends with ${String(status ?? signal)}`);
  throw new LodenError("ERR_IPTABLES", `${name} failed: ${complaint}`, { fields: { program: name } });
}
