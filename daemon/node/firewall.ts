// Looks at this host's firewalls for chains that drop what is forwarded (traffic/barriers.ts): base chains of nftables,
// asked of the kernel directly, and the FORWARD chains of both iptables.
import { FAMILIES, type Family } from "#kernel/ip/address";
import { hasPrograms, legacyTables, saveTables } from "#kernel/iptables/programs";
import { isUnconditional, parseSave, targetOf, type SavedChain } from "#kernel/iptables/save";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import { openNftables } from "#kernel/nft/nftables";
import { prefixesIn } from "#kernel/nft/places";
import { openNftQueries, queryChains, type NftChainFound } from "#kernel/nft/query";
import { Prefix } from "#kernel/ip/prefix";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import { IPTABLES_CHAINS } from "../reconcile/kernel/iptables.ts";
import type { Barrier, IptablesBarrier } from "../traffic/barriers.ts";

/** NF_INET_FORWARD of linux/netfilter.h. */
const HOOK_FORWARD = 2;

/** Who makes a chain of a name that begins so. */
const OWNERS: readonly (readonly [prefix: string, owner: string])[] = [
  ["DOCKER", "Docker"],
  ["ufw", "ufw"],
  ["KUBE-ROUTER", "kube-router"],
  ["LIBVIRT", "libvirt"],
];

export interface OwnMarks {
  /** Tables of ours, which are no barriers. */
  readonly tables: ReadonlySet<string>;
  readonly networks: readonly Prefix[];
  /** Names of our devices. */
  readonly devices: readonly string[];
}

/** @throws LodenError when a firewall that is there cannot be read */
export function readBarriers(sys: Sys, own: OwnMarks): Barrier[] {
  const chains = readChains(sys);
  const nftForward = (family: Family): NftChainFound | undefined =>
    chains.find(
      (chain) => isIptablesChain(chain) && chain.name === "FORWARD" && chain.family === (family === 4 ? "ip" : "ip6"),
    );
  return [
    ...FAMILIES.flatMap((family) => [
      ...(nftForward(family) === undefined
        ? []
        : iptablesBarrier(family, "nft", nftForward(family)?.base?.drops === true, own.networks)),
      ...(legacyTables(family).has("filter") ? iptablesBarrier(family, "legacy", false, own.networks) : []),
    ]),
    ...nftBarriers(sys, chains, own),
  ];
}

function readChains(sys: Sys): NftChainFound[] {
  let socket: NetlinkSocket | undefined;
  try {
    socket = openNftQueries(sys);
    return queryChains(socket);
  } catch (error) {
    // A kernel without nf_tables drops nothing by it.
    if (error instanceof LodenError) return [];
    throw error;
  } finally {
    socket?.close();
  }
}

/** @param drops what the kernel says of the policy, where the programs are missing that would say more */
function iptablesBarrier(
  family: Family,
  variant: IptablesBarrier["variant"],
  drops: boolean,
  networks: readonly Prefix[],
): IptablesBarrier[] {
  const common = { kind: "iptables", family, variant } as const;
  if (!hasPrograms(family, variant)) {
    return drops ? [{ ...common, hasDockerUser: false, hasPrograms: false }] : [];
  }
  const filter = parseSave(saveTables(family, variant).output).get("filter");
  const forward = filter?.get("FORWARD");
  if (filter === undefined || forward === undefined) return [];
  const names = [...filter.keys()];
  const owner = OWNERS.find(([prefix]) => names.some((name) => name.startsWith(prefix)))?.[1];
  const found = {
    ...common,
    ...(owner === undefined ? {} : { owner }),
    hasDockerUser: filter.has("DOCKER-USER"),
    hasPrograms: true,
  };
  if (networks.some((network) => network.family === family && acceptsNetwork(filter, network))) return [];
  const rule = endOfWay(forward);
  if (rule !== undefined) return [{ ...found, rule }];
  return forward.policy === "DROP" ? [found] : [];
}

/** Somebody else's rules accept what comes from the network and what goes to it. */
export function acceptsNetwork(filter: ReadonlyMap<string, SavedChain>, network: Prefix): boolean {
  const rules = [...filter].flatMap(([name, chain]) => (IPTABLES_CHAINS.has(name) ? [] : chain.rules));
  return ["-s", "-d"].every((side) =>
    rules.some((rule) => {
      const [, flag, text = ""] =
        /^(-[sd]) (\S+) (?:-m comment --comment (?:"[^"]*"|\S+) )?-j ACCEPT$/.exec(rule) ?? [];
      return flag === side && Prefix.tryParse(text)?.contains(network) === true;
    }),
  );
}

/** The rule in front of ours that no packet gets past. */
export function endOfWay({ rules }: SavedChain): string | undefined {
  for (const rule of rules) {
    const target = targetOf(rule);
    if (target === "FLANNEL-FWD") return undefined;
    if ((target === "DROP" || target === "REJECT") && isUnconditional(rule)) return rule;
  }
  return undefined;
}

function isIptablesChain({ family, table }: NftChainFound): boolean {
  return (family === "ip" || family === "ip6") && table === "filter";
}

function nftBarriers(sys: Sys, chains: readonly NftChainFound[], own: OwnMarks): Barrier[] {
  const onTheWay = chains.filter(
    (chain) =>
      chain.base?.hook === HOOK_FORWARD &&
      chain.base.type === "filter" &&
      (chain.family === "ip" || chain.family === "ip6" || chain.family === "inet") &&
      !own.tables.has(chain.table) &&
      !(isIptablesChain(chain) && chain.name === "FORWARD"),
  );
  if (onTheWay.length === 0) return [];
  using nft = openNftables(sys);
  return onTheWay.flatMap((chain): Barrier[] => {
    const { family, table, name, base } = chain;
    const listing = nft.run([{ list: { table: { family, name: table } } }]);
    if (base?.drops !== true && !endsInDrop(listing, name)) return [];
    const families = family === "inet" ? FAMILIES : [family === "ip" ? (4 as const) : (6 as const)];
    const owner =
      table === "firewalld" ? table : OWNERS.find(([prefix]) => table.startsWith(prefix.toLowerCase()))?.[1];
    return [
      {
        kind: "nftables",
        chain: `${family} ${table} ${name}`,
        families,
        isPolicy: base?.drops === true,
        ...(owner === undefined ? {} : { owner }),
        knowsUs: names(listing, own),
      },
    ];
  });
}

/** The last rule of the chain drops or rejects every packet. */
function endsInDrop(listing: readonly object[], chain: string): boolean {
  const rules = listing.flatMap((entry) => {
    const rule =
      "rule" in entry ? (entry.rule as { readonly chain?: string; readonly expr?: readonly object[] }) : undefined;
    return rule?.chain === chain ? [rule.expr ?? []] : [];
  });
  const last = rules.at(-1) ?? [];
  const meant = last.filter((part) => !("counter" in part) && !("log" in part));
  return meant.length === 1 && ("drop" in meant[0]! || "reject" in meant[0]!);
}

function names(listing: readonly object[], { networks, devices }: OwnMarks): boolean {
  const text = JSON.stringify(listing);
  if (devices.some((device) => text.includes(JSON.stringify(device)))) return true;
  const places = prefixesIn(listing).filter(({ length }) => length > 0);
  return networks.some((network) => places.some((place) => place.contains(network)));
}
