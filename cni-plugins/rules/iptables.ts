// Masquerading by iptables: the chain and rules of the reference plugins (pkg/ip/ipmasq_iptables_linux.go), each change
// one iptables-restore per family instead of one process per rule. What they made is removed as well, and no process is
// started to find that there is nothing to remove.
import type { Family } from "#kernel/ip/address";
import { FAMILIES } from "#kernel/ip/address";
import type { Prefix } from "#kernel/ip/prefix";
import { readText } from "#kernel/files";
import type { Nftables } from "#kernel/nft/nftables";
import { runProgram } from "#kernel/programs";
import type { Sys } from "#kernel/sys";
import { CNI_ERROR, CniError, failure } from "../error.ts";
import type { MasqueradeOwner } from "./masquerade.ts";
import { listChain } from "./nft-rules.ts";
import { sha512Hex } from "./sha512.ts";

const CHAIN_PREFIX = "CNI-";
/** Hexadecimal digits in a chain's name, which has 28 characters at most. */
const CHAIN_HASH_LENGTH = 24;
/** XT_MAX_COMMENT_LEN of linux/netfilter/xt_comment.h, less the final zero. */
const COMMENT_LIMIT = 255;
const MULTICAST: Readonly<Record<Family, string>> = { 4: "224.0.0.0/4", 6: "ff00::/8" };
const PROGRAM: Readonly<Record<Family, string>> = { 4: "iptables", 6: "ip6tables" };
/** Which tables the old kernel interface has; written by the kernel when one is first used. */
const LEGACY_TABLES: Readonly<Record<Family, string>> = {
  4: "/proc/net/ip_tables_names",
  6: "/proc/net/ip6_tables_names",
};
/** Where the programs are, for runtimes that start plugins with a short PATH. */
const SYSTEM_PATH = "/usr/sbin:/sbin:/usr/bin:/bin";

type Variant = "" | "-nft" | "-legacy";

/** The chain has no interface name in it: attachments of one container to one network share it. */
export function chainName({ network, containerId }: Pick<MasqueradeOwner, "network" | "containerId">): string {
  return CHAIN_PREFIX + sha512Hex(network + containerId).slice(0, CHAIN_HASH_LENGTH);
}

function commentOption({ network, containerId }: MasqueradeOwner): string {
  const comment = `name: \\"${network}\\" id: \\"${containerId}\\"`.slice(0, COMMENT_LIMIT);
  return `-m comment --comment "${comment}"`;
}

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly isMissing: boolean;
}

function run(program: string, args: readonly string[], input: string): Outcome {
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:${SYSTEM_PATH}` };
  const result = runProgram(program, args, { input, env });
  const { status, stdout, stderr } = result;
  const error: NodeJS.ErrnoException | undefined = result.error;
  const isMissing = error?.code === "ENOENT";
  return { status, stdout: stdout ?? "", stderr: stderr ?? error?.message ?? "", isMissing };
}

/** Carries out lines of the nat table in one transaction; what iptables says when it refuses. */
function restore(family: Family, variant: Variant, lines: readonly string[]): string | undefined {
  const program = `${PROGRAM[family]}${variant}-restore`;
  const { status, stderr, isMissing } = run(program, ["--noflush", "--wait"], `*nat\n${lines.join("\n")}\nCOMMIT\n`);
  if (isMissing) {
    const text = `failed to locate iptables: ${program} is not installed; install iptables, or let ipMasqBackend be nftables`;
    throw new CniError(CNI_ERROR.notAvailable, text);
  }
  return status === 0 ? undefined : stderr.trim() || `exit status ${String(status)}`;
}

export function addIptablesMasquerade(owner: MasqueradeOwner, addresses: readonly Prefix[]): void {
  const chain = chainName(owner);
  const comment = commentOption(owner);
  for (const family of FAMILIES) {
    const ours = addresses.filter((address) => address.family === family);
    if (ours.length === 0) continue;
    const jumps = ours.map(({ address }) => `-A POSTROUTING -s ${address.toString()} ${comment} -j ${chain}`);
    const accepts = (action: string): string[] =>
      ours.map((address) => `${action} ${chain} -d ${address.masked.toString()} ${comment} -j ACCEPT`);
    const masquerade = `-A ${chain} ! -d ${MULTICAST[family]} ${comment} -j MASQUERADE`;
    // The chain is there when the container is attached to the network already: then our networks go to its head.
    const refused =
      restore(family, "", [`-N ${chain}`, ...accepts("-A"), masquerade, ...jumps]) &&
      restore(family, "", [...accepts("-I"), ...jumps]);
    if (refused !== undefined) throw failure(`${PROGRAM[family]}-restore: ${refused}`);
  }
}

/** Which kernel interface holds a chain, found without starting a process. */
function variantWith(sys: Sys, nft: Nftables | undefined, family: Family, chain: string): Variant | undefined {
  if (nft !== undefined && listChain(nft, { family: family === 4 ? "ip" : "ip6", table: "nat", chain }) !== undefined) {
    return "-nft";
  }
  try {
    return readText(sys, LEGACY_TABLES[family])?.split("\n").includes("nat") === true ? "-legacy" : undefined;
  } catch {
    return undefined;
  }
}

export function removeIptablesMasquerade(sys: Sys, nft: Nftables | undefined, owner: MasqueradeOwner): void {
  const chain = chainName(owner);
  for (const family of FAMILIES) {
    const variant = variantWith(sys, nft, family, chain);
    if (variant === undefined) continue;
    const saved = run(`${PROGRAM[family]}${variant}-save`, ["-t", "nat"], "");
    // Without the program there is nobody who could have made the rules.
    if (saved.isMissing) continue;
    const lines = saved.stdout.split("\n");
    if (!lines.some((line) => line.startsWith(`:${chain} `))) continue;
    const jumps = lines.filter((line) => line.startsWith("-A ") && line.endsWith(`-j ${chain}`));
    const refused = restore(family, variant, [
      ...jumps.map((line) => line.replace(/^-A/, "-D")),
      `-F ${chain}`,
      `-X ${chain}`,
    ]);
    if (refused !== undefined) throw failure(`${PROGRAM[family]}${variant}-restore: ${refused}`);
  }
}
