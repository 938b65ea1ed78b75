// What iptables-save prints (iptables-save(8)), read: tables, chains with their policies, and rules as text. Rules are
// compared as text, never taken apart but for their words. Pure.

export interface SavedChain {
  /** Of a built-in chain: ACCEPT or DROP; undefined for a chain that a user made. */
  readonly policy: string | undefined;
  /** In order, without the leading `-A <chain> `. */
  readonly rules: string[];
}

/** Chains by table and name. */
export type SavedTables = ReadonlyMap<string, ReadonlyMap<string, SavedChain>>;

/** Reads what it understands, and passes over the rest. */
export function parseSave(text: string): SavedTables {
  const tables = new Map<string, Map<string, SavedChain>>();
  let current: Map<string, SavedChain> | undefined;
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) {
      current = new Map();
      tables.set(line.slice(1).trim(), current);
    } else if (line === "COMMIT") {
      current = undefined;
    } else if (line.startsWith(":")) {
      const [name = "", policy = "-"] = line.slice(1).split(" ", 2);
      current?.set(name, { policy: policy === "-" ? undefined : policy, rules: [] });
    } else if (line.startsWith("-A ")) {
      const end = line.indexOf(" ", 3);
      const chain = current?.get(end < 0 ? line.slice(3) : line.slice(3, end));
      chain?.rules.push(end < 0 ? "" : line.slice(end + 1));
    }
  }
  return tables;
}

/** The chain that a rule jumps or goes to, or its verdict. */
export function targetOf(rule: string): string | undefined {
  return /(?:^| )-[jg] (\S+)/.exec(rule)?.[1];
}

/** The rule holds for every packet: it has a target, a comment at most, and nothing to match. */
export function isUnconditional(rule: string): boolean {
  const bare = rule.replace(/-m comment --comment (?:"(?:[^"\\]|\\.)*"|\S+) ?/, "");
  return /^-[jg] \S+(?: --reject-with \S+)?$/.test(bare.trim());
}
