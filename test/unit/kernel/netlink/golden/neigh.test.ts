// Neighbour requests against what iproute2 6.1 sends for the same command, byte for byte. The recordings are in
// test/golden/netlink/neigh.txt.
import { describe } from "vitest";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { NEIGHBOUR_FLAG, type Neighbour, neighDelete, neighNew } from "#kernel/netlink/neigh";
import type { Message } from "#kernel/netlink/wire";
import { holdAgainstRecordings } from "../../../../golden/netlink/hold.ts";

const ip = (text: string): Address => Address.parse(text);
const mac = (last: number): Mac => Mac.parse(`02:00:00:00:00:0${last}`);
const LO = 1;
const neighbour = (text: string, more: Partial<Neighbour> = {}): Neighbour => ({
  index: LO,
  address: ip(text),
  ...more,
});

const NEIGHBOURS: Record<string, () => Message> = {
  "ip neigh add 10.2.0.0 lladdr 02:00:00:00:00:01 dev lo": () => neighNew(neighbour("10.2.0.0", { mac: mac(1) })),
  "ip neigh add 10.2.0.0 lladdr 02:00:00:00:00:01 nud reachable dev lo": () =>
    neighNew(neighbour("10.2.0.0", { mac: mac(1), state: "reachable" })),
  "ip neigh replace fd01:: lladdr 02:00:00:00:00:01 nud permanent dev lo": () =>
    neighNew(neighbour("fd01::", { mac: mac(1) }), "replace"),
  "ip neigh add 10.2.0.0 lladdr 02:00:00:00:00:01 nud noarp router dev lo": () =>
    neighNew(neighbour("10.2.0.0", { mac: mac(1), state: "noarp", flags: NEIGHBOUR_FLAG.router })),
  "ip neigh add 10.2.0.0 lladdr 02:00:00:00:00:01 protocol 201 dev lo": () =>
    neighNew(neighbour("10.2.0.0", { mac: mac(1), protocol: 201 })),
  "ip neigh add proxy 10.2.0.0 dev lo": () => neighNew(neighbour("10.2.0.0", { flags: NEIGHBOUR_FLAG.proxy })),
  "ip neigh del 10.2.0.0 dev lo": () => neighDelete(neighbour("10.2.0.0")),
  "ip neigh del proxy fd01::1 dev lo": () => neighDelete(neighbour("fd01::1", { flags: NEIGHBOUR_FLAG.proxy })),
};

describe("a request is what iproute2 sends", () => {
  holdAgainstRecordings("neigh", NEIGHBOURS);
});
