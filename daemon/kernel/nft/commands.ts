// nftables' JSON commands as types, as far as Loden writes them (libnftables-json(5)). Nftables.run takes any objects; these
// help whoever builds them.

export type NftFamily = "ip" | "ip6" | "inet" | "bridge" | "arp" | "netdev";

export interface NftTable {
  readonly family: NftFamily;
  readonly name: string;
  readonly comment?: string;
}

export interface NftChain {
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
  /** The next four make a base chain, called by the kernel. */
  readonly type?: "filter" | "nat" | "route";
  readonly hook?: "prerouting" | "input" | "forward" | "output" | "postrouting" | "ingress";
  readonly prio?: number;
  readonly policy?: "accept" | "drop";
  readonly comment?: string;
}

export interface NftRule {
  readonly family: NftFamily;
  readonly table: string;
  readonly chain: string;
  readonly expr: readonly NftStatement[];
  /** Which rule is meant, of those that are there. */
  readonly handle?: number;
  readonly comment?: string;
}

export interface NftSet {
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
  /** Of the elements; several types make a concatenation. */
  readonly type: string | readonly string[];
  readonly flags?: readonly ("constant" | "interval" | "timeout" | "dynamic")[];
  readonly elem?: readonly NftElementValue[];
  readonly comment?: string;
}

/** A map from elements to values, or to verdicts. */
export interface NftMap extends NftSet {
  readonly map: string;
}

export interface NftElement {
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
  readonly elem: readonly NftElementValue[];
}

/** A key alone, or a key and what it maps to. */
export type NftElementValue = NftExpression | readonly [NftExpression, NftExpression | NftStatement];

export type NftExpression =
  | string
  | number
  | boolean
  | { readonly concat: readonly NftExpression[] }
  | { readonly set: readonly NftExpression[] }
  | { readonly prefix: { readonly addr: string; readonly len: number } }
  | { readonly range: readonly [NftExpression, NftExpression] }
  | { readonly payload: { readonly protocol: string; readonly field: string } }
  | { readonly meta: { readonly key: string } }
  | { readonly ct: { readonly key: string; readonly family?: "ip" | "ip6"; readonly dir?: "original" | "reply" } }
  | { readonly fib: { readonly result: string; readonly flags: readonly string[] | string } }
  | { readonly map: { readonly key: NftExpression; readonly data: NftExpression } }
  | { readonly "&": readonly [NftExpression, NftExpression] }
  | { readonly "|": readonly NftExpression[] };

export type NftOperator = "==" | "!=" | "<" | ">" | "<=" | ">=" | "in";

export type NftStatement =
  | { readonly match: { readonly op: NftOperator; readonly left: NftExpression; readonly right: NftExpression } }
  | { readonly accept: null }
  | { readonly drop: null }
  | { readonly return: null }
  | { readonly jump: { readonly target: string } }
  | { readonly goto: { readonly target: string } }
  | { readonly vmap: { readonly key: NftExpression; readonly data: NftExpression } }
  | { readonly mangle: { readonly key: NftExpression; readonly value: NftExpression } }
  | { readonly masquerade: null | { readonly flags?: readonly NftNatFlag[] | NftNatFlag } }
  | { readonly snat: NftNat }
  | { readonly dnat: NftNat }
  | { readonly counter: null }
  | { readonly limit: { readonly rate: number; readonly per: string; readonly burst?: number } };

export type NftNatFlag = "random" | "fully-random" | "persistent";

export interface NftNat {
  readonly family?: "ip" | "ip6";
  readonly addr?: NftExpression;
  readonly port?: NftExpression;
  readonly flags?: readonly NftNatFlag[] | NftNatFlag;
}

export type NftObject =
  | { readonly table: NftTable }
  | { readonly chain: NftChain }
  | { readonly rule: NftRule }
  | { readonly set: NftSet }
  | { readonly map: NftMap }
  | { readonly element: NftElement };

/** What stands for an object in commands that only name it. */
export type NftReference = {
  readonly [K in "table" | "chain" | "rule" | "set" | "map"]?: {
    readonly family?: NftFamily;
    readonly table?: string;
    readonly chain?: string;
    readonly name?: string;
    readonly handle?: number;
  };
};

export type NftCommand =
  | { readonly add: NftObject }
  /** As add, but refused when it is there. */
  | { readonly create: NftObject }
  /** A rule at the start of its chain. */
  | { readonly insert: { readonly rule: NftRule } }
  | { readonly replace: { readonly rule: NftRule } }
  | { readonly delete: NftReference | { readonly element: NftElement } }
  | { readonly flush: NftReference | { readonly ruleset: null } }
  | { readonly list: NftReference | { readonly ruleset: null } | { readonly tables: null } };

/** A command in the words of nft(8), for errors: `add chain ip loden forward`. */
export function describeCommand(command: object): string {
  const [verb, target] = Object.entries(command)[0] ?? [];
  const [kind, value] = target instanceof Object ? (Object.entries(target)[0] ?? []) : [];
  const of = (name: string): unknown =>
    value instanceof Object ? (value as Record<string, unknown>)[name] : undefined;
  const names = ["family", "table", "chain", "name"].map(of).filter((part) => typeof part === "string");
  return [verb ?? "an empty command", ...(kind === undefined ? [] : [kind]), ...names].join(" ");
}
