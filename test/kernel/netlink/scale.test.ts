// The size the daemon is made for: 4,000 peers, each with a route, a neighbour and a forwarding entry, in one batch,
// and read back whole.
import { afterAll, beforeAll, expect, test } from "vitest";
import { sys } from "#sys";
import { Address } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import { addrNew } from "#kernel/netlink/addr";
import { fdbDelete, fdbDump, fdbNew } from "#kernel/netlink/fdb";
import { linkNew } from "#kernel/netlink/link";
import { neighDelete, neighDump, neighNew } from "#kernel/netlink/neigh";
import { routeDelete, routeDump, routeNew } from "#kernel/netlink/route";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { bridge, enterFreshNetns, iproute } from "../../support/netns.ts";

const PEERS = 4000;
const VX0 = 100;
const PROTOCOL = 201;

const subnets = Array.from({ length: PEERS }, (_, peer) =>
  Prefix.of(Address.parse("10.0.0.0").add((peer + 1) * 256), 24),
);
const macs = subnets.map((_, peer) => Mac.fromBytes(Uint8Array.of(2, 0, 0, 0, peer >> 8, peer & 0xff)));
const vteps = subnets.map((_, peer) => Address.parse("192.168.0.0").add(peer));
const each = <T>(make: (peer: number) => T): T[] => subnets.map((_, peer) => make(peer));

let socket: NetlinkSocket;

beforeAll(() => {
  enterFreshNetns();
  socket = NetlinkSocket.open(sys);
  const outcomes = socket.batch([
    linkNew({ index: VX0, name: "vx0", up: true, kind: { kind: "vxlan", vni: 1, port: 8472, learning: false } }),
    addrNew({ index: VX0, address: Prefix.parse("10.0.0.0/32") }),
  ]);
  expect(outcomes).toEqual([undefined, undefined]);
});

afterAll(() => socket.close());

const routes = each((peer) => ({
  destination: subnets[peer]!,
  gateway: subnets[peer]!.address,
  oif: VX0,
  onlink: true,
  protocol: PROTOCOL,
}));
const neighbours = each((peer) => ({ index: VX0, address: subnets[peer]!.address, mac: macs[peer]! }));
const entries = each((peer) => ({ index: VX0, mac: macs[peer]!, remote: vteps[peer]! }));

test("4,000 peers go in by one batch and are all read", () => {
  const outcomes = socket.batch([
    ...neighbours.map((neighbour) => neighNew(neighbour, "replace")),
    ...entries.map((entry) => fdbNew(entry, "replace")),
    ...routes.map((route) => routeNew(route, "replace")),
  ]);
  expect(outcomes.length).toBe(3 * PEERS);
  expect(outcomes.filter((outcome) => outcome !== undefined)).toEqual([]);

  const foundRoutes = routeDump(socket, { protocol: PROTOCOL });
  expect(
    foundRoutes.map(({ destination, gateway }) => `${destination.toString()} ${gateway?.toString() ?? ""}`),
  ).toEqual(routes.map(({ destination, gateway }) => `${destination.toString()} ${gateway.toString()}`));
  const foundNeighbours = neighDump(socket, { index: VX0, family: 4 }).filter(({ state }) => state === "permanent");
  expect(new Map(foundNeighbours.map(({ address, mac }) => [address.toString(), mac?.toString()]))).toEqual(
    new Map(neighbours.map(({ address, mac }) => [address.toString(), mac.toString()])),
  );
  const foundEntries = fdbDump(socket, { index: VX0 }).filter(({ remote }) => remote !== undefined);
  expect(new Map(foundEntries.map(({ mac, remote }) => [mac.toString(), remote?.toString()]))).toEqual(
    new Map(entries.map(({ mac, remote }) => [mac.toString(), remote.toString()])),
  );
  expect(iproute("route", "show", "proto", `${PROTOCOL}`).trim().split("\n").length).toBe(PEERS);
  expect(
    bridge("fdb", "show", "dev", "vx0")
      .split("\n")
      .filter((line) => line.includes("dst")).length,
  ).toBe(PEERS);
});

test("one flawed message among 12,000 fails alone", () => {
  const flawed = routeNew({ destination: Prefix.parse("10.99.0.1/16"), oif: VX0, protocol: PROTOCOL }, "create");
  const outcomes = socket.batch([
    ...routes.map((route) => routeDelete(route)),
    flawed,
    ...neighbours.map((neighbour) => neighDelete(neighbour)),
    ...entries.map((entry) => fdbDelete(entry)),
  ]);
  expect(outcomes.findIndex((outcome) => outcome !== undefined)).toBe(PEERS);
  expect(outcomes.filter((outcome) => outcome !== undefined)).toMatchObject([
    { symbol: "EINVAL", text: "Invalid prefix for given prefix length" },
  ]);
  expect(routeDump(socket, { protocol: PROTOCOL })).toEqual([]);
  expect(fdbDump(socket, { index: VX0 }).filter(({ remote }) => remote !== undefined)).toEqual([]);
  expect(neighDump(socket, { index: VX0 }).filter(({ state }) => state === "permanent")).toEqual([]);
});
