// The wire of the udp backend's data path in the kernel, byte by byte: what leaves is flannel's format, what a flannel node
// sends is taken, and what is none of it, or of no peer, is dropped and counted. The other node is a plain socket.
import { execFileSync, spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { array, assert, constantFrom, nat, property, record, tuple, uint8Array } from "fast-check";
import { sys } from "#sys";
import { Address } from "#kernel/ip/address";
import type { DatapathTraffic } from "../../../daemon/backend/udp/datapath.ts";
import { KernelDatapath } from "../../../daemon/backend/udp/kernel-datapath.ts";
import { enterFreshBpfFs } from "../../support/bpf.ts";
import { makeLease, podOf, underlayOf, type FabricShape } from "../../support/fabric.ts";
import { addPod, joinHosts, makeHost, type Host } from "../../support/hosts.ts";
import { needs } from "../../support/kernel-features.ts";
import { PORT, echoRequest, ipPacket, udpEnd, type UdpEnd } from "../../support/udp-packets.ts";

const SHAPE: FabricShape = { type: "udp", options: { Datapath: "kernel" }, families: [4] };
/** Long for what must come, short for what must not. */
const PATIENCE = 20_000;
const MOMENT = 100;

const [podA, podB] = [podOf(1, 4).address, podOf(2, 4).address];
const [nodeA, nodeB] = [underlayOf(1, 4), underlayOf(2, 4)];
const stranger = Address.parse("192.168.0.66");
const address = (text: string): Address => Address.parse(text);

let a: Host;
let b: Host;
let peer: UdpEnd;
const disposables: Disposable[] = [];

beforeAll(async () => {
  enterFreshBpfFs();
  a = makeHost(1);
  b = makeHost(2);
  disposables.push(a, b, joinHosts([a, b]));
  addPod(a);
  a.netns.run(() => execFileSync("sysctl", ["-qw", "net.ipv4.ip_forward=1"]));
  b.ip("address", "add", `${stranger.toString()}/24`, "dev", "eth0");
  const { reconciler } = a.reconcile(SHAPE);
  // Node 3 has a lease and is not there.
  reconciler.replaceLeases([makeLease(2, SHAPE), makeLease(3, SHAPE)]);
  await reconciler.settled();
  expect(reconciler.state()).toMatchObject({ failed: [], ready: true, peers: 2 });
  peer = udpEnd(b.netns, nodeB);
  disposables.push(peer);
});

afterAll(() => {
  for (const each of disposables.toReversed()) each[Symbol.dispose]();
});

function traffic(): DatapathTraffic {
  return a.netns.run(() => {
    using datapath = new KernelDatapath({ sys, instance: "test" });
    return datapath.traffic()!;
  });
}

/** What is dropped while `act` runs, by reason. */
function dropped(act: () => void): Partial<Record<string, number>> {
  const before = traffic().drops;
  act();
  const after = traffic().drops;
  return Object.fromEntries(
    Object.entries(after).flatMap(([reason, count]) => {
      const more = Number(count - before[reason as keyof typeof before]);
      return more === 0 ? [] : [[reason, more]];
    }),
  );
}

function pingFromA(to: string, ...more: readonly string[]): string {
  const args = ["-n", "-c", "1", "-W", "1", "-I", podA.toString(), ...more, to];
  return a.netns.run(() => spawnSync("ping", args, { encoding: "utf8" })).stdout;
}

describe("the wire of the kernel's data path", needs(), () => {
  test("a packet leaves bare in a datagram: IP header, UDP header, the inner packet, and no byte more", () => {
    using raw = udpEnd(b.netns, nodeB, "raw");
    pingFromA(podB.toString(), "-s", "40");
    const datagram = raw.receive(PATIENCE)!;
    const view = new DataView(datagram.buffer);
    const length = 20 + 8 + 20 + 8 + 40;
    expect(datagram.length).toBe(length);
    // Version and header length, TOS, total length.
    expect([datagram[0], datagram[1], view.getUint16(2)]).toEqual([0x45, 0, length]);
    // Don't fragment; TTL, protocol.
    expect([view.getUint16(6), datagram[8], datagram[9]]).toEqual([0x4000, 64, 17]);
    expect([Address.fromBytes(datagram.slice(12, 16)), Address.fromBytes(datagram.slice(16, 20))].join()).toBe(
      [nodeA, nodeB].join(),
    );
    // Ports, length, no checksum.
    expect([20, 22, 24, 26].map((at) => view.getUint16(at))).toEqual([PORT, PORT, length - 20, 0]);
    const inner = datagram.subarray(28);
    expect([inner[0], view.getUint16(30), inner[9], inner[20]]).toEqual([0x45, 68, 1, 8]);
    expect([Address.fromBytes(inner.slice(12, 16)), Address.fromBytes(inner.slice(16, 20))].join()).toBe(
      [podA, podB].join(),
    );
    while (peer.receive(0) !== undefined);
  });

  test("packets made by hand in flannel's format are taken, options and all, from any source port", () => {
    const request = (sequence: number, options?: Uint8Array): Uint8Array => {
      const payload = echoRequest(sequence);
      return ipPacket({ from: podB, to: podA, payload, ...(options === undefined ? {} : { options }) });
    };
    peer.send(request(1), nodeA);
    const reply = peer.receive(PATIENCE)!;
    expect([reply[0], reply[20], reply[27]]).toEqual([0x45, 0, 1]);
    // A record of the route: seven, three, four (RFC 791).
    peer.send(request(2, Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0)), nodeA);
    expect(peer.receive(PATIENCE)).toBeDefined();
    // One byte behind the inner packet, which says itself how long it is.
    peer.send(Uint8Array.from([...request(3), 0]), nodeA);
    expect(peer.receive(PATIENCE)?.[27]).toBe(3);
  });

  const echo = echoRequest(9);
  const good = ipPacket({ from: podB, to: podA, payload: echo });
  const altered = (change: (bytes: Uint8Array) => void): Uint8Array => {
    const bytes = good.slice();
    change(bytes);
    return bytes;
  };
  test.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(0), "malformed"],
    ["less than a header", good.subarray(0, 19), "malformed"],
    ["another version", altered((bytes) => (bytes[0] = 0x65)), "malformed"],
    ["a header that is too short", altered((bytes) => (bytes[0] = 0x44)), "malformed"],
    ["a packet that is cut", good.subarray(0, good.length - 1), "malformed"],
    ["a length below the header's", altered((bytes) => bytes.set([0, 19], 2)), "malformed"],
    ["a VXLAN-GPE header of a forger's own", Uint8Array.from([0x0c, 0, 0, 1, 0, 0, 0, 0, ...good]), "malformed"],
    [
      "a source in another node's subnet",
      ipPacket({ from: podOf(3, 4).address, to: podA, payload: echo }),
      "forged-source",
    ],
    [
      "a source in the receiver's own subnet",
      ipPacket({ from: address("10.5.1.9"), to: podA, payload: echo }),
      "forged-source",
    ],
    [
      "a destination elsewhere",
      ipPacket({ from: podB, to: address("192.168.0.1"), payload: echo }),
      "other-destination",
    ],
    [
      "a destination in a third node's subnet",
      ipPacket({ from: podB, to: podOf(3, 4).address, payload: echo }),
      "other-destination",
    ],
    ["broadcast", ipPacket({ from: podB, to: address("255.255.255.255"), payload: echo }), "other-destination"],
  ])("%s is dropped, and counted as the peer's", (_, datagram, reason) => {
    const before = traffic().peers.find(({ endpoint }) => endpoint.equals(nodeB))!.receivedDrops;
    const drops = dropped(() => {
      peer.send(datagram, nodeA);
      expect(peer.receive(MOMENT)).toBeUndefined();
    });
    expect(drops).toEqual({ [reason]: 1 });
    expect(traffic().peers.find(({ endpoint }) => endpoint.equals(nodeB))!.receivedDrops).toBe(before + 1n);
  });

  test("what comes from no peer is dropped, whatever it says it is", () => {
    using other = udpEnd(b.netns, stranger);
    const drops = dropped(() => {
      other.send(good, nodeA);
      other.send(ipPacket({ from: address("172.16.0.1"), to: podA, payload: echo }), nodeA);
      expect(other.receive(MOMENT)).toBeUndefined();
      expect(peer.receive(MOMENT)).toBeUndefined();
    });
    expect(drops).toEqual({ "forged-source": 1, "not-a-peer": 1 });
  });

  test("outer fragments are dropped", () => {
    const drops = dropped(() => {
      // 3 KiB over an underlay of 1500.
      peer.send(ipPacket({ from: podB, to: podA, payload: echoRequest(1, 3000) }), nodeA);
      expect(peer.receive(MOMENT)).toBeUndefined();
    });
    expect(drops).toEqual({ fragment: 1 });
  });

  test("a node of the fabric may forward for others: sources outside of it are let in from a peer", () => {
    const outside = address("172.16.0.9");
    const before = traffic().drops;
    peer.send(ipPacket({ from: outside, to: podA, payload: echo }), nodeA);
    expect(peer.receive(MOMENT)).toBeUndefined(); // the answer takes the host's own routes
    expect(traffic().drops).toEqual(before);
  });

  test("nobody but the peers' datagrams gets to the device behind them", () => {
    // A container of this host, with a VXLAN-GPE header of its own making.
    const forged = Uint8Array.from([0x0c, 0, 0, 1, 0, 0, 0, 0, ...good]);
    using container = udpEnd(a.netns, podA, "plain", 40_000);
    const drops = dropped(() => {
      container.send(forged, podA);
      expect(peer.receive(MOMENT)).toBeUndefined();
    });
    expect(drops).toEqual({ "not-admitted": 1 });
  });

  test("an unknown subnet is answered with net unreachable, to ping and TCP", () => {
    expect(pingFromA("10.5.99.9")).toMatch(/Destination Net Unreachable/);
    const connect = (socket: string): string =>
      a.netns.run(() => spawnSync("bash", ["-c", `timeout 20 cat < ${socket}`], { encoding: "utf8" })).stderr;
    expect(connect("/dev/tcp/10.5.99.9/80")).toMatch(/unreachable/i);
  });

  test("a router's word that datagrams are too large is passed on to the sender", () => {
    while (peer.receive(0) !== undefined);
    pingFromA(podB.toString(), "-s", "1400", "-M", "do");
    using raw = udpEnd(b.netns, nodeB, "raw");
    pingFromA(podB.toString(), "-s", "1400", "-M", "do");
    const sent = raw.receive(PATIENCE)!;
    const icmp = new Uint8Array(8 + 28);
    const view = new DataView(icmp.buffer);
    icmp.set([3, 4], 0);
    view.setUint16(6, 1200);
    icmp.set(sent.subarray(0, 28), 8);
    sendIcmp(b, nodeA, icmp);
    expect(pingFromA(podB.toString(), "-s", "1400", "-M", "do")).toMatch(/Frag needed and DF set \(mtu = 1172\)/);
  });

  test("mutated datagrams do no harm: each is let in or dropped, and counted", () => {
    const runs = Number(process.env["LODEN_FUZZ_RUNS"] ?? 3_000);
    const before = accounted();
    const strangers = traffic().drops["not-admitted"];
    const arbitrary = record({
      base: constantFrom(good, ipPacket({ from: podB, to: podA, protocol: 6, payload: new Uint8Array(20) })),
      edits: array(tuple(nat(47), nat(255)), { maxLength: 4 }),
      cut: nat(60),
      tail: uint8Array({ maxLength: 8 }),
    });
    assert(
      property(arbitrary, ({ base, edits, cut, tail }) => {
        const bytes = Uint8Array.from([
          ...base.subarray(0, cut < base.length ? base.length - (cut >> 2) : base.length),
          ...tail,
        ]);
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
        peer.send(bytes, nodeA);
        while (peer.receive(0) !== undefined);
      }),
      { numRuns: runs },
    );
    // The last one through is known to be good: all before it are done with.
    peer.send(ipPacket({ from: podB, to: podA, payload: echoRequest(77) }), nodeA);
    let reply = peer.receive(PATIENCE);
    while (reply !== undefined && reply[27] !== 77) reply = peer.receive(PATIENCE);
    expect(reply).toBeDefined();
    expect(accounted() - before).toBe(runs + 1);
    expect(traffic().drops["not-admitted"]).toBe(strangers);
  });
});

/** Datagrams of the peer, let in or not. */
function accounted(): number {
  const found = traffic().peers.find(({ endpoint }) => endpoint.equals(nodeB));
  return found === undefined ? 0 : Number(found.receivedPackets + found.receivedDrops);
}

function sendIcmp(from: Host, to: Address, icmp: Uint8Array): void {
  const [AF_INET, SOCK_RAW, IPPROTO_ICMP] = [2, 3, 1];
  const view = new DataView(icmp.buffer);
  let sum = 0;
  for (let at = 0; at < icmp.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(2, ~sum & 0xffff);
  const fd = from.netns.run(() => sys.socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  const destination = new Uint8Array(16);
  destination[0] = AF_INET;
  destination.set(to.toBytes(), 4);
  expect(sys.sendTo(fd, icmp, 0, destination)).toBe(icmp.length);
  sys.close(fd);
}
