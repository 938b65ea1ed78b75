// The source filter against real packets: a host on the underlay that is no peer sends VXLAN to a node, with its own address
// and with borrowed ones, and what reaches a container is counted there.
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { Address, type Family } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { openNftQueries, queryAddresses, queryCounter } from "#kernel/nft/query";
import { composeFabric, type ExtrasOptions } from "../../../daemon/fabric.ts";
import type { Reconciler } from "../../../daemon/reconcile/loop.ts";
import { DROP_COUNTER } from "../../../daemon/traffic/source-filter.ts";
import { makeFabric, makeLease, podOf, TEST_MARKS, underlayOf } from "../../support/fabric.ts";
import { addPod, joinHosts, leasesFor, makeHost, type Host, type Running } from "../../support/hosts.ts";
import { fragments, sendRaw, udpPacket, vxlanFrame, withDestinationOptions } from "../../support/spoof.ts";

const families = [4, 6] as const;
const VXLAN_PORT = 8472;
/** The port that packets for the container have. */
const MARKED = 9999;
const TABLE = TEST_MARKS.peersTable;
const OPTIONS: ExtrasOptions = {
  masquerade: false,
  fullyRandom: true,
  forward: false,
  firewall: "auto",
  blackhole: false,
  sourceFilter: true,
  nftTable: TEST_MARKS.nftTable,
  peersTable: TABLE,
};

let hosts: [Host, Host, Host];
let underlay: Disposable;
let running: Running;

/** Hosts 1 and 2 are nodes, host 3 is somebody else. */
beforeAll(async () => {
  hosts = [makeHost(1), makeHost(2), makeHost(3)];
  underlay = joinHosts(hosts);
  const [a, b] = hosts;
  for (const host of [a, b]) addPod(host, families);
  nft(b, "add table inet probe");
  nft(b, "add chain inet probe in { type filter hook input priority 0; }");
  for (const family of ["ipv4", "ipv6"]) {
    nft(b, `add counter inet probe ${family}`);
    nft(
      b,
      `add rule inet probe in meta nfproto ${family} iifname "flannel*" udp dport ${MARKED} counter name ${family}`,
    );
  }
  const other = a.reconcile({ families });
  other.reconciler.replaceLeases(leasesFor([a, b], a, { families }));
  await other.reconciler.settled();
  running = b.reconcile({ families });
  await filter(running.reconciler, true);
});
afterAll(() => {
  underlay[Symbol.dispose]();
  for (const host of hosts) host[Symbol.dispose]();
});

function nft(host: Host, command: string): string {
  return host.netns.run(() => execFileSync("nft", [command], { encoding: "utf8" }));
}

async function filter(
  reconciler: Reconciler,
  sourceFilter: boolean,
  options: Record<string, unknown> = {},
): Promise<void> {
  const [a, b] = hosts;
  const { network, node, backends } = makeFabric({ families, options }, b.node);
  const state = { arePeersKnown: true, accepts: [] };
  reconciler.configure(composeFabric(network, node, backends, { ...OPTIONS, sourceFilter }, state));
  reconciler.replaceLeases(leasesFor([a, b], b, { families }));
  await reconciler.settled();
  expect(reconciler.state()).toMatchObject({ failed: [], ready: true });
}

const count = (table: string, name: string): number =>
  hosts[1].netns.run(() => {
    using socket = openNftQueries(sys);
    return queryCounter(socket, { family: "inet", table, name })?.packets ?? 0;
  });
const dropped = (): number => count(TABLE, DROP_COUNTER);
const peers = (family: Family): string[] =>
  hosts[1].netns.run(() => {
    using socket = openNftQueries(sys);
    return queryAddresses(socket, { family: "inet", table: TABLE, name: `peers${family}` })?.map(String) ?? [];
  });

/** The MAC of host 2's device. */
function deviceMac(family: Family): Mac {
  const name = family === 4 ? "flannel.1" : "flannel-v6.1";
  return Mac.parse((JSON.parse(hosts[1].ip("-j", "link", "show", name)) as { address: string }[])[0]!.address);
}

/** Sends a packet for host 2's container, encapsulated, from host 3; tells whether the container got it. */
function reaches(
  family: Family,
  source: Address,
  { vni = 1, bytes = undefined as Uint8Array | undefined, wrap = (packet: Uint8Array) => [packet] } = {},
): boolean {
  const [, b, stranger] = hosts;
  const destination = underlayOf(2, family);
  const probe = family === 4 ? "ipv4" : "ipv6";
  const before = count("probe", probe);
  const inner = udpPacket({
    source: podOf(1, family).address,
    destination: podOf(2, family).address,
    port: MARKED,
    payload: new Uint8Array(8),
  });
  const payload = bytes ?? vxlanFrame(vni, deviceMac(family), Mac.parse("02:00:00:00:00:99"), inner);
  const packets = wrap(udpPacket({ source, destination, port: VXLAN_PORT, payload }));
  stranger.netns.run(() => {
    for (const packet of packets) sendRaw(packet, destination);
  });
  // The wire is a queue: when a later packet from there has been answered, this one has arrived or never will.
  b.netns.run(() => execFileSync("ping", ["-n", "-q", "-c", "1", "-W", "5", underlayOf(3, family).toString()]));
  stranger.netns.run(() => execFileSync("ping", ["-n", "-q", "-c", "1", "-W", "5", destination.toString()]));
  return count("probe", probe) > before;
}

describe.each(families)("family %i", (family) => {
  const stranger = underlayOf(3, family);
  const nobody = Address.parse(family === 4 ? "192.168.0.77" : "fd99::77");

  test("who is no peer does not reach a container, with no address but a peer's", () => {
    const before = dropped();
    expect(reaches(family, stranger)).toBe(false);
    expect(reaches(family, nobody)).toBe(false);
    expect(dropped()).toBe(before + 2);
    expect(reaches(family, underlayOf(1, family))).toBe(true);
    expect(dropped()).toBe(before + 2);
  });

  test("what is too short to have a VNI is dropped, and other VNIs are none of ours", () => {
    const before = dropped();
    reaches(family, stranger, { bytes: new Uint8Array(6) });
    expect(dropped()).toBe(before + 1);
    reaches(family, stranger, { vni: 7 });
    expect(dropped()).toBe(before + 1);
  });

  test("fragments and extension headers hide nobody", () => {
    const wraps = [
      (packet: Uint8Array) => fragments(packet, 8),
      (packet: Uint8Array) => fragments(packet, 24),
      ...(family === 6 ? [(packet: Uint8Array) => [withDestinationOptions(packet)]] : []),
    ];
    for (const wrap of wraps) {
      expect(reaches(family, stranger, { wrap })).toBe(false);
      expect(reaches(family, underlayOf(1, family), { wrap })).toBe(true);
    }
  });

  test("the peers' addresses are in the set, and one more lease is one more address", async () => {
    const { reconciler, events } = running;
    expect(peers(family)).toEqual([underlayOf(1, family).toString()]);
    reconciler.putLease(makeLease(3, { families }));
    await reconciler.settled();
    expect(reaches(family, stranger)).toBe(true);
    events.length = 0;
    reconciler.deleteLease(makeLease(3, { families }).key);
    await reconciler.settled();
    // Per family a neighbour, a forwarding entry, a route and an address; and no dump.
    expect(events.flatMap((event) => (event.type === "pass" ? [[event.changes, event.dumped]] : []))).toEqual([
      [8, []],
    ]);
    expect(reaches(family, stranger)).toBe(false);
  });

  test("without the filter the same packet reaches the container", async () => {
    await filter(running.reconciler, false);
    expect(nft(hosts[1], "list tables")).not.toContain(TABLE);
    expect(reaches(family, stranger)).toBe(true);
    expect(reaches(family, nobody)).toBe(true);
    await filter(running.reconciler, true);
    expect(reaches(family, stranger)).toBe(false);
  });
});

test("a set that is emptied, a rule that is removed, a table that is deleted are repaired", async () => {
  const [, b] = hosts;
  for (const command of [
    `flush set inet ${TABLE} peers4`,
    `delete element inet ${TABLE} peers6 { ${underlayOf(1, 6).toString()} }`,
    `add element inet ${TABLE} peers4 { 192.168.0.99 }`,
    `flush chain inet ${TABLE} arriving`,
    `delete table inet ${TABLE}`,
  ]) {
    const repaired = running.event((event) => event.type === "drift");
    nft(b, command);
    await repaired;
    expect([peers(4), peers(6)], command).toEqual(families.map((family) => [underlayOf(1, family).toString()]));
    expect(reaches(4, underlayOf(3, 4)), command).toBe(false);
    expect(reaches(4, underlayOf(1, 4)), command).toBe(true);
  }
});

test("another VNI on the same port: the table is written anew, and the set keeps what it has", async () => {
  await filter(running.reconciler, true, { VNI: 2 });
  expect(peers(4)).toEqual([underlayOf(1, 4).toString()]);
  await filter(running.reconciler, true);
  expect(peers(4)).toEqual([underlayOf(1, 4).toString()]);
});

test("a daemon that starts again keeps the peers of the one before until it knows its own", async () => {
  const [a, b] = hosts;
  const end = new AbortController();
  const second = b.reconcile({ families }, end.signal);
  await second.reconciler.settled();
  expect(peers(4)).toEqual([underlayOf(1, 4).toString()]);
  const before = count("probe", "ipv4");
  expect(reaches(4, underlayOf(3, 4))).toBe(false);
  expect(count("probe", "ipv4")).toBe(before);
  await filter(second.reconciler, true);
  expect(peers(4)).toEqual([underlayOf(a.n, 4).toString()]);
  end.abort();
});
