// The wire of the udp backend's data path in the kernel, byte by byte and over both families: what leaves is flannel's format
// (and its like for IPv6), what a flannel node sends is taken, and what is none of it, or of no peer, is dropped and counted.
// The other node is a plain socket.
import { execFileSync, spawnSync } from "node:child_process";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { array, assert, constantFrom, nat, property, record, tuple, uint8Array } from "fast-check";
import { sys } from "#sys";
import { Address, type Family } from "#kernel/ip/address";
import type { DatapathTraffic, DropReason } from "../../../daemon/backend/udp/datapath.ts";
import { KernelDatapath } from "../../../daemon/backend/udp/kernel-datapath.ts";
import { enterFreshBpfFs } from "../../support/bpf.ts";
import { makeLease, podOf, underlayOf, type FabricShape } from "../../support/fabric.ts";
import { addPod, joinHosts, makeHost, type Host } from "../../support/hosts.ts";
import { inMachine, needs } from "../../support/kernel-features.ts";
import {
  PORT,
  checksum,
  ethernet,
  frameEnd,
  ipPacket,
  outerPacket,
  pingPacket,
  pseudoHeader,
  socketName,
  udpEnd,
  type FrameEnd,
  type OuterDatagram,
  type UdpEnd,
} from "../../support/udp-packets.ts";

const FAMILIES = [4, 6] as const;
const SHAPE: FabricShape = { type: "udp", options: { Datapath: "kernel" }, families: FAMILIES };
/** Milliseconds for what must come. */
const PATIENCE = 10_000;
const ETHERNET = 14;
/** Bytes of the IP header, and what of ICMP's type tells an answer. */
const OF = { 4: { header: 20, reply: 0 }, 6: { header: 40, reply: 129 } } as const;

let a: Host;
let b: Host;
let frames: FrameEnd;
let macs: { readonly a: string; readonly b: string };
const peers = {} as Record<Family, UdpEnd>;
const disposables: Disposable[] = [];

/** Of node 1, which is looked at; 2, a peer; 3, a peer that is not there; 4, a peer whose kernel carries its packets. */
const pod = (n: number, family: Family): Address => podOf(n, family).address;
const node = underlayOf;
const stranger = (family: Family): Address => Address.parse(family === 4 ? "192.168.0.66" : "fd99::66");
const outside = (family: Family): Address => Address.parse(family === 4 ? "172.16.0.9" : "fd77::9");

beforeAll(async () => {
  enterFreshBpfFs();
  a = makeHost(1);
  b = makeHost(2);
  disposables.push(a, b, joinHosts([a, b]));
  addPod(a, FAMILIES);
  a.netns.run(() => execFileSync("sysctl", ["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]));
  for (const family of FAMILIES) {
    const length = family === 4 ? 24 : 64;
    for (const each of [stranger(family), node(4, family)]) {
      b.ip("address", "add", `${each.toString()}/${length}`, "dev", "eth0", ...(family === 6 ? ["nodad"] : []));
    }
  }
  const { reconciler } = a.reconcile(SHAPE);
  const ofKernel = { ...makeLease(4, SHAPE), backendData: { 4: { Datapath: "kernel" }, 6: { Datapath: "kernel" } } };
  reconciler.replaceLeases([makeLease(2, SHAPE), makeLease(3, SHAPE), ofKernel]);
  await reconciler.settled();
  expect(reconciler.state()).toMatchObject({ failed: [], ready: true, peers: 3 });
  for (const family of FAMILIES) disposables.push((peers[family] = udpEnd(b.netns, node(2, family))));
  disposables.push((frames = frameEnd(b.netns, b.node.link.index)));
  macs = { a: macOf(a), b: macOf(b) };
});

afterAll(() => {
  for (const each of disposables.toReversed()) each[Symbol.dispose]();
});

function macOf(host: Host): string {
  return (JSON.parse(host.ip("-j", "link", "show", "eth0")) as { address: string }[])[0]!.address;
}

function traffic(): DatapathTraffic {
  return a.netns.run(() => {
    using datapath = new KernelDatapath({ sys, instance: "test" });
    return datapath.traffic()!;
  });
}

/** Waits until what was dropped since `act` began is this, by reason. */
function expectDropped(expected: Partial<Record<DropReason, number>>, act: () => void): void {
  const before = traffic().drops;
  act();
  for (const end = performance.now() + PATIENCE; ; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)) {
    const drops = Object.entries(traffic().drops).flatMap(([reason, count]) => {
      const more = Number(count - before[reason as DropReason]);
      return more === 0 ? [] : [[reason, more]];
    });
    const found: unknown = Object.fromEntries(drops);
    if (isDeepStrictEqual(found, expected)) return;
    if (performance.now() > end) expect(found).toEqual(expected);
  }
}

/** Of node 2. */
function counted(family: Family): { received: number; receivedDrops: number } {
  const found = traffic().peers.find(({ endpoint }) => endpoint.equals(node(2, family)));
  return { received: Number(found?.receivedPackets ?? 0n), receivedDrops: Number(found?.receivedDrops ?? 0n) };
}

function pingFromA(to: Address, ...more: readonly string[]): string {
  const args = ["-n", "-c", "1", "-W", "0.2", "-I", pod(1, to.family).toString(), ...more, to.toString()];
  return a.netns.run(() => spawnSync("ping", args, { encoding: "utf8" })).stdout;
}

/** The sequence of the next answer to an echo request. */
function nextReply(family: Family): number {
  for (;;) {
    const packet = peers[family].receive(PATIENCE);
    if (packet === undefined) throw new Error(`no answer within ${PATIENCE} ms`);
    const header = family === 4 ? (packet[0]! & 0x0f) * 4 : OF[6].header;
    if (packet[header] === OF[family].reply) return (packet[header + 6]! << 8) | packet[header + 7]!;
  }
}

let lastMark = 30_000;

/** Which echo requests are answered of those that `act` sends: what is not by the time a later one is, never will be. */
function answered(family: Family, act: () => void): number[] {
  const mark = ++lastMark;
  act();
  peers[family].send(good(family, mark), node(1, family));
  const found: number[] = [];
  for (let reply = nextReply(family); reply !== mark; reply = nextReply(family)) found.push(reply);
  return found;
}

/** Of a datagram that is made by hand, frame and all. */
function ofFrame(family: Family, datagram: Partial<OuterDatagram>, tag?: number): number[] {
  const whole = { from: node(2, family), to: node(1, family), payload: good(family, 50), ...datagram };
  return answered(family, () => frames.send(ethernet(macs.a, macs.b, outerPacket(whole), tag)));
}

const good = (family: Family, sequence: number): Uint8Array => pingPacket(pod(2, family), pod(1, family), sequence);

describe.each(FAMILIES)("the wire of the kernel's data path over IPv%d", needs(), (family) => {
  const { header } = OF[family];

  test.each([2, 4])("a packet to node %d is bare in a datagram: IP, UDP, the inner packet, no byte more", (n) => {
    using seen = frameEnd(b.netns, b.node.link.index);
    pingFromA(pod(n, family), "-s", "40");
    const isDatagram = (frame: Uint8Array): boolean => frame[ETHERNET + (family === 4 ? 9 : 6)] === 17;
    const packet = seen.receive(PATIENCE, isDatagram)!.subarray(ETHERNET);
    const view = new DataView(packet.buffer, packet.byteOffset);
    const [inner, length] = [header + 8, header + 8 + header + 8 + 40];
    expect(packet.length).toBe(length);
    const addressAt = (at: number): string =>
      Address.fromBytes(packet.slice(at, at + (family === 4 ? 4 : 16))).toString();
    if (family === 4) {
      // Version and header length, TOS, total length; don't fragment; TTL.
      expect([packet[0], packet[1], view.getUint16(2), view.getUint16(6), packet[8]]).toEqual([
        0x45,
        0,
        length,
        0x4000,
        64,
      ]);
      expect(checksum(packet.subarray(0, 20))).toBe(0);
      expect([addressAt(12), addressAt(16)]).toEqual([node(1, 4).toString(), node(n, 4).toString()]);
      expect([addressAt(inner + 12), addressAt(inner + 16)]).toEqual([pod(1, 4).toString(), pod(n, 4).toString()]);
      expect([packet[inner], view.getUint16(inner + 2), packet[inner + 9], packet[inner + 20]]).toEqual([
        0x45, 68, 1, 8,
      ]);
    } else {
      // Version, class and flow; payload length, next header, hop limit.
      expect([view.getUint32(0), view.getUint16(4), packet[6], packet[7]]).toEqual([0x6000_0000, length - 40, 17, 64]);
      expect([addressAt(8), addressAt(24)]).toEqual([node(1, 6).toString(), node(n, 6).toString()]);
      expect([addressAt(inner + 8), addressAt(inner + 24)]).toEqual([pod(1, 6).toString(), pod(n, 6).toString()]);
      expect([packet[inner]! >> 4, view.getUint16(inner + 4), packet[inner + 6], packet[inner + 40]]).toEqual([
        6, 48, 58, 128,
      ]);
    }
    // Ports, length, no checksum.
    expect([0, 2, 4, 6].map((at) => view.getUint16(header + at))).toEqual([PORT, PORT, length - header, 0]);
    while (peers[family].receive(0) !== undefined);
  });

  test("packets made by hand in the format are taken, options and all, from any source port", () => {
    const send = (sequence: number, options?: Uint8Array): void => {
      const more = options === undefined ? {} : { options };
      peers[family].send(pingPacket(pod(2, family), pod(1, family), sequence, more), node(1, family));
    };
    send(1);
    expect(nextReply(family)).toBe(1);
    // A record of the route: seven, three, four (RFC 791). Options for the destination: one of padding (RFC 8200).
    send(2, family === 4 ? Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) : Uint8Array.of(58, 0, 1, 4, 0, 0, 0, 0));
    expect(nextReply(family)).toBe(2);
    // One byte behind the inner packet, which says itself how long it is.
    peers[family].send(Uint8Array.from([...good(family, 3), 0]), node(1, family));
    expect(nextReply(family)).toBe(3);
    using other = udpEnd(b.netns, node(2, family), "plain", 40_001);
    other.send(good(family, 4), node(1, family));
    expect(nextReply(family)).toBe(4);
  });

  const altered = (change: (bytes: Uint8Array) => void): Uint8Array => {
    const bytes = good(family, 9);
    change(bytes);
    return bytes;
  };
  const from = (source: Address, to = pod(1, family)): Uint8Array => pingPacket(source, to, 9);
  const GPE = [0x0c, 0, 0, family === 4 ? 1 : 2, 0, 0, 0, 0];
  const dropped: [string, Uint8Array, DropReason][] = [
    ["nothing", new Uint8Array(0), "malformed"],
    ["less than a header", good(family, 9).subarray(0, header - 1), "malformed"],
    ["another version", altered((bytes) => (bytes[0] = family === 4 ? 0x65 : 0x45)), "malformed"],
    ["a packet that is cut", good(family, 9).subarray(0, -1), "malformed"],
    ...(family === 4
      ? ([
          ["a header that is too short", altered((bytes) => (bytes[0] = 0x44)), "malformed"],
          ["a length below the header's", altered((bytes) => bytes.set([0, 19], 2)), "malformed"],
          ["broadcast", from(pod(2, 4), Address.parse("255.255.255.255")), "other-destination"],
        ] satisfies typeof dropped)
      : ([["multicast", from(pod(2, 6), Address.parse("ff02::1")), "other-destination"]] satisfies typeof dropped)),
    ["a VXLAN-GPE header of a forger's own", Uint8Array.from([...GPE, ...good(family, 9)]), "malformed"],
    ["a source in another node's subnet", from(pod(3, family)), "forged-source"],
    ["a source in the receiver's own subnet", from(pod(1, family).add(1)), "forged-source"],
    ["a destination elsewhere", from(pod(2, family), node(1, family)), "other-destination"],
    ["a destination in a third node's subnet", from(pod(2, family), pod(3, family)), "other-destination"],
  ];
  test.each(dropped)("%s is dropped, and counted as the peer's", (_, datagram, reason) => {
    const before = counted(family).receivedDrops;
    expectDropped({ [reason]: 1 }, () => {
      expect(answered(family, () => peers[family].send(datagram, node(1, family)))).toEqual([]);
    });
    expect(counted(family).receivedDrops).toBe(before + 1);
  });

  test("what comes from no peer is dropped, whatever it says it is", () => {
    using other = udpEnd(b.netns, stranger(family));
    expectDropped({ "forged-source": 1, "not-a-peer": 1 }, () => {
      const send = (): void => {
        other.send(good(family, 9), node(1, family));
        other.send(from(outside(family)), node(1, family));
      };
      expect(answered(family, send)).toEqual([]);
      expect(other.receive(0)).toBeUndefined();
    });
  });

  test("outer fragments are dropped", () => {
    expectDropped({ fragment: 1 }, () => {
      // 3 KiB over an underlay of 1500.
      const long = pingPacket(pod(2, family), pod(1, family), 1, { size: 3_000 });
      expect(answered(family, () => peers[family].send(long, node(1, family)))).toEqual([]);
    });
  });

  test("inner fragments are passed on, and put together by who gets them", () => {
    const echo = pingPacket(pod(2, family), pod(1, family), 21, { size: 1_192 }).subarray(header);
    const fragment = (at: number, end: number): Uint8Array => {
      const payload = echo.subarray(at, end);
      const [offset, more] = [at >> 3, end < echo.length];
      const whose = { from: pod(2, family), to: pod(1, family), payload };
      if (family === 4) return ipPacket({ ...whose, fragment: offset | (more ? 0x2000 : 0) });
      const field = (offset << 3) | (more ? 1 : 0);
      const options = Uint8Array.of(58, 0, field >> 8, field & 0xff, 0, 0, 0, 77);
      return ipPacket({ ...whose, extension: 44, options });
    };
    for (const datagram of [fragment(800, echo.length), fragment(0, 800)])
      peers[family].send(datagram, node(1, family));
    expect(nextReply(family)).toBe(21);
  });

  test("frames with a VLAN's tag are another interface's; a tag that tells a priority alone changes nothing", () => {
    expectDropped({}, () => {
      expect(ofFrame(family, {}, 5)).toEqual([]);
      expect(ofFrame(family, {}, 0xe000)).toEqual([50]);
      expect(ofFrame(family, {})).toEqual([50]);
    });
  });

  test("datagrams that are shorter than they say are dropped, longer ones taken as far as they say", () => {
    const length = good(family, 50).length + 8;
    expectDropped({ malformed: 3 }, () => {
      for (const wrong of [length + 1, 0, 8 + header]) expect(ofFrame(family, { length: wrong })).toEqual([]);
    });
    const longer = Uint8Array.from([...good(family, 51), 1, 2, 3]);
    expectDropped({}, () => expect(ofFrame(family, { payload: longer, length })).toEqual([51]));
  });

  test("options of the outer header are skipped in IPv4; in IPv6 such a packet is none of ours, and comes no farther", () => {
    const nop = Uint8Array.of(1, 1, 1, 1);
    const padding = Uint8Array.of(17, 0, 1, 4, 0, 0, 0, 0);
    const options = family === 4 ? nop : padding;
    // What the device behind would read.
    const forged = Uint8Array.from([...GPE, ...good(family, 52)]);
    expectDropped(family === 4 ? { malformed: 1 } : { "not-admitted": 1 }, () => {
      expect(ofFrame(family, { options })).toEqual(family === 4 ? [50] : []);
      expect(ofFrame(family, { options, payload: forged })).toEqual([]);
    });
  });

  test("a node of the fabric may forward for others: sources outside of it are let in from a peer", () => {
    const before = counted(family).received;
    expectDropped({}, () => {
      // The answer takes the host's own routes.
      expect(answered(family, () => peers[family].send(from(outside(family)), node(1, family)))).toEqual([]);
    });
    expect(counted(family).received).toBe(before + 2);
  });

  test("nobody but the peers' datagrams gets to the device behind them", () => {
    // A container of this host, with a VXLAN-GPE header of its own making.
    const forged = Uint8Array.from([...GPE, ...good(family, 53)]);
    using container = udpEnd(a.netns, pod(1, family), "plain", 40_000);
    expectDropped({ "not-admitted": 2 }, () => {
      const send = (): void => {
        for (const to of [pod(1, family), node(1, family)]) container.send(forged, to);
      };
      expect(answered(family, send)).toEqual([]);
    });
  });

  test("an unknown subnet is answered, to ping and TCP", () => {
    const unknown = Address.parse(family === 4 ? "10.5.99.9" : "fd00:5:99::9");
    expect(pingFromA(unknown)).toMatch(
      family === 4 ? /Destination Net Unreachable/ : /Destination unreachable: No route/,
    );
    const connect = `timeout 5 cat < /dev/tcp/${unknown.toString()}/80`;
    expect(a.netns.run(() => spawnSync("bash", ["-c", connect], { encoding: "utf8" })).stderr).toMatch(/unreachable/i);
  });

  test("a router's word that datagrams are too large is passed on to the sender", () => {
    while (peers[family].receive(0) !== undefined);
    using seen = frameEnd(b.netns, b.node.link.index);
    const send = (): string => pingFromA(pod(2, family), "-s", "1390", "-M", "do");
    send();
    const sent = seen.receive(PATIENCE, (frame) => frame.length > 1_400)!.subarray(ETHERNET);
    const quoted = sent.subarray(0, header + 8);
    // Fragmentation needed (RFC 792, RFC 1191); packet too big (RFC 4443).
    const icmp = new Uint8Array(8 + quoted.length);
    icmp.set(family === 4 ? [3, 4] : [2, 0]);
    new DataView(icmp.buffer).setUint32(4, 1_400);
    icmp.set(quoted, 8);
    sendIcmp(b, node(2, family), node(1, family), icmp);
    expect(send()).toMatch(family === 4 ? /Frag needed and DF set \(mtu = 1372\)/ : /Packet too big: mtu=1352/);
  });

  test("mutated datagrams do no harm: each is let in or dropped, and counted", () => {
    const runs = Number(process.env["LODEN_FUZZ_RUNS"] ?? (inMachine ? 200 : 2_000));
    const accounted = (): number => counted(family).received + counted(family).receivedDrops;
    const before = accounted();
    const strangers = traffic().drops["not-admitted"];
    const whose = { from: pod(2, family), to: pod(1, family) };
    const arbitrary = record({
      base: constantFrom(good(family, 60), ipPacket({ ...whose, protocol: 6, payload: new Uint8Array(20) })),
      edits: array(tuple(nat(header + 27), nat(255)), { maxLength: 4 }),
      cut: nat(60),
      tail: uint8Array({ maxLength: 8 }),
    });
    assert(
      property(arbitrary, ({ base, edits, cut, tail }) => {
        const bytes = Uint8Array.from([...base.subarray(0, base.length - (cut >> 2)), ...tail]);
        for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
        peers[family].send(bytes, node(1, family));
        while (peers[family].receive(0) !== undefined);
      }),
      { numRuns: runs },
    );
    // The last one through is known to be good: all before it are done with.
    peers[family].send(good(family, 7_777), node(1, family));
    while (nextReply(family) !== 7_777);
    expect(accounted() - before).toBe(runs + 1);
    expect(traffic().drops["not-admitted"]).toBe(strangers);
  });
});

function sendIcmp(host: Host, from: Address, to: Address, icmp: Uint8Array): void {
  const is4 = to.family === 4;
  const [domain, protocol, SOCK_RAW] = [is4 ? 2 : 10, is4 ? 1 : 58, 3];
  const pseudo = is4 ? new Uint8Array(0) : pseudoHeader(from, to, protocol, icmp.length);
  new DataView(icmp.buffer).setUint16(2, checksum(pseudo, icmp));
  const fd = host.netns.run(() => sys.socket(domain, SOCK_RAW, protocol));
  sys.bind(fd, socketName(from, 0));
  expect(sys.sendTo(fd, icmp, 0, socketName(to, 0))).toBe(icmp.length);
  sys.close(fd);
}
