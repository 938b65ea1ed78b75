// The kinds of `loden cleanup`, in the order in which they go: what rests on something else comes before it. Addresses,
// neighbours and forwarding entries go with their links.
import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { FAMILIES } from "#kernel/ip/address";
import { hasPrograms, legacyTables, programName, restoreTables, saveTables } from "#kernel/iptables/programs";
import { parseSave } from "#kernel/iptables/save";
import { NetlinkError } from "#kernel/netlink/error";
import { type Link, linkDelete, linkDump } from "#kernel/netlink/link";
import { type Route, ROUTE_TABLE, routeDelete, routeDump } from "#kernel/netlink/route";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { Message } from "#kernel/netlink/wire";
import { openNftables } from "#kernel/nft/nftables";
import { openNftQueries, queryTables } from "#kernel/nft/query";
import { LodenError } from "#spec/errors";
import { statusPaths } from "#spec/status";
import { tunnelLeftovers } from "../../backend/udp/cleanup.ts";
import { FLANNEL_TABLES, isLeftoverTable } from "../../reconcile/kernel/flannel-tables.ts";
import { isLeftover, ourChains, restoreText } from "../../reconcile/kernel/iptables.ts";
import { ALIAS_PREFIX, type Marks, ownershipMarks, ROUTE_PROTOCOL } from "../../reconcile/marks.ts";
import { nftTableKey } from "../../reconcile/objects.ts";
import type { CleanupContext, CleanupKind, Leftover } from "./port.ts";

/** Tables of daemons of any prefix (reconcile/marks.ts). */
const ANY_TABLE = /^loden(?:-[0-9a-f]{8})?(?:-peers)?$/;

/** Errors of a removal that prove that there is nothing to remove. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ESRCH", "ENODEV"]);

const routes: CleanupKind = {
  name: "routes",
  find: (context) => {
    const { socket } = context;
    const marks = marksOf(context);
    const ours = new Set(ourLinks(context).map(({ index }) => index));
    const found = FAMILIES.flatMap((family) => routeDump(socket, { family, table: ROUTE_TABLE.main }));
    const leftovers = found
      .filter((route) => isOurRoute(route, marks, ours, context))
      .map((route) => ({
        name: `route ${route.type === "blackhole" ? "blackhole " : ""}${route.destination.toString()}`,
        remove: () => request(socket, routeDelete(route)),
      }));
    return { leftovers };
  },
};

const links: CleanupKind = {
  name: "links",
  find: (context) => ({
    leftovers: ourLinks(context).map(({ name }) => ({
      name: `link ${name}`,
      remove: () => request(context.socket, linkDelete({ name })),
    })),
  }),
};

const tables: CleanupKind = {
  name: "nftables tables",
  find: ({ sys, prefix, networks, withFlannel }) => {
    const marks = prefix === undefined ? undefined : ownershipMarks(prefix, []);
    const notes: string[] = [];
    let found: ReturnType<typeof queryTables>;
    try {
      using socket = openNftQueries(sys);
      found = queryTables(socket);
    } catch (error) {
      // A kernel without nf_tables has no table of ours.
      if (error instanceof LodenError && error.code !== "ERR_PRIVILEGE") return { leftovers: [] };
      throw error;
    }
    const leftovers = found.flatMap(({ family, name }): Leftover[] => {
      const table = { table: { family, name } };
      const isOurs =
        family === "inet" &&
        (marks === undefined ? ANY_TABLE.test(name) : name === marks.nftTable || name === marks.peersTable);
      const isFlannels = (family === "ip" || family === "ip6") && FLANNEL_TABLES.has(nftTableKey(family, name));
      if (!isOurs && !isFlannels) return [];
      if (isFlannels && !withFlannel) {
        using nft = openNftables(sys);
        if (!isLeftoverTable(nft.run([{ list: table }]), networks)) {
          notes.push(`nftables table ${family} ${name} stays: it is flannel's; --flannel removes it`);
          return [];
        }
      }
      return [
        {
          name: `nftables table ${family} ${name}`,
          remove: () => {
            using nft = openNftables(sys);
            // "add" makes sure that there is one to delete.
            nft.run([{ add: table }, { delete: table }]);
          },
        },
      ];
    });
    return { leftovers, notes };
  },
};

const chains: CleanupKind = {
  name: "iptables chains",
  find: ({ sys, networks, withFlannel }) => {
    const leftovers: Leftover[] = [];
    const notes: string[] = [];
    const inUse = nftTablesOfIptables(sys);
    for (const family of FAMILIES) {
      for (const variant of ["nft", "legacy"] as const) {
        const isInUse = variant === "nft" ? inUse.has(family === 4 ? "ip" : "ip6") : legacyTables(family).size > 0;
        if (!isInUse || !hasPrograms(family, variant)) continue;
        const found = ourChains(parseSave(saveTables(family, variant).output));
        if (found.length === 0) continue;
        const name = `${programName(family, variant, "")} chains ${found.map((chain) => chain.name).join(", ")}`;
        if (withFlannel || isLeftover(found, networks)) {
          leftovers.push({
            name,
            remove: () => {
              const text = restoreText(parseSave(saveTables(family, variant).output), []);
              if (text !== "") restoreTables(family, variant, text);
            },
          });
        } else notes.push(`${name} stay: flannel may have made them; --flannel removes them`);
      }
    }
    return { leftovers, notes };
  },
};

const files: CleanupKind = {
  name: "files",
  find: ({ subnetFile, stateDirectory, withFiles }) => {
    const found = [subnetFile, ...Object.values(statusPaths(subnetFile))].filter((file) => existsSync(file));
    if (existsSync(stateDirectory)) {
      // Nothing but what the daemon writes there (life/last-state.ts): other files are somebody's.
      const states = readdirSync(stateDirectory).filter((name) => /^state(?:-[0-9a-f]{8})?\.json$/.test(name));
      found.push(...states.map((name) => path.join(stateDirectory, name)));
    }
    if (!withFiles) return { leftovers: [], notes: found.map((file) => `file ${file} stays; --files removes it`) };
    return {
      leftovers: found.map((file) => ({ name: `file ${file}`, remove: () => rmSync(file, { force: true }) })),
    };
  },
};

const tunnels: CleanupKind = {
  name: "the udp backend's programs",
  find: ({ sys, socket, prefix }) => ({
    leftovers: tunnelLeftovers(sys, socket, prefix === undefined ? undefined : ownershipMarks(prefix, []).nftTable),
  }),
};

export const CLEANUP_KINDS: readonly CleanupKind[] = [routes, tables, chains, tunnels, links, files];

function marksOf({ prefix, networks }: CleanupContext): Marks | undefined {
  return prefix === undefined ? undefined : ownershipMarks(prefix, networks);
}

function ourLinks({ socket, prefix }: CleanupContext): Link[] {
  const alias = prefix === undefined ? undefined : ownershipMarks(prefix, []).linkAlias;
  return linkDump(socket).filter((link) =>
    alias === undefined ? link.alias?.startsWith(ALIAS_PREFIX) === true : link.alias === alias,
  );
}

/** On our own links all goes with them. Elsewhere the protocol tells; numbers that others may have, only in our networks. */
function isOurRoute(
  route: Route,
  marks: Marks | undefined,
  ours: ReadonlySet<number>,
  { networks }: CleanupContext,
): boolean {
  if (route.oif !== undefined && ours.has(route.oif)) return false;
  if (marks === undefined) return route.protocol === ROUTE_PROTOCOL;
  if (route.protocol !== marks.routeProtocol) return false;
  return marks.isDefaultScope || networks.some((network) => network.contains(route.destination));
}

/** Families in which iptables-nft has tables. */
function nftTablesOfIptables(sys: CleanupContext["sys"]): Set<string> {
  try {
    using socket = openNftQueries(sys);
    const iptables = queryTables(socket).filter(({ name }) => name === "nat" || name === "filter");
    return new Set(iptables.map(({ family }) => family));
  } catch (error) {
    if (error instanceof LodenError && error.code !== "ERR_PRIVILEGE") return new Set();
    throw error;
  }
}

function request(socket: NetlinkSocket, message: Message): void {
  try {
    socket.request(message);
  } catch (error) {
    if (!(error instanceof NetlinkError && GONE.has(error.symbol))) throw error;
  }
}
