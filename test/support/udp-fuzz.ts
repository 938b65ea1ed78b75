// Mutated datagrams at the port of the udp backend's data path, from a peer's address and from a stranger's, with a listener
// that looks at whatever comes through; and mutated packets at its device, with a peer that does.
import { execFileSync } from "node:child_process";
import { Address, type Family } from "#kernel/ip/address";
import { sys } from "#sys";
import { KernelDatapath } from "../../daemon/backend/udp/kernel-datapath.ts";
import type { DatapathTraffic } from "../../daemon/backend/udp/datapath.ts";
import { makeLease, podOf, underlayOf, type FabricShape } from "./fabric.ts";
import { addPod, joinHosts, makeHost, type Host } from "./hosts.ts";
import { frameEnd, ipPacket, pingPacket, udpEnd, type UdpEnd } from "./udp-packets.ts";

/** Mulberry32: the same mutations for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Node 1 is what is attacked; node 2 a peer with its lease, made of sockets; 3 a peer that is not there; 66 nobody. */
interface Arena extends Disposable {
  readonly a: Host;
  readonly peer: UdpEnd;
  readonly stranger: UdpEnd;
  /** Of the tunnel's device. */
  readonly device: number;
}

async function makeArena(datapath: string, family: Family): Promise<Arena> {
  const shape: FabricShape = { type: "udp", options: { Datapath: datapath }, families: [family] };
  const stack = new DisposableStack();
  const a = stack.use(makeHost(1));
  const b = stack.use(makeHost(2));
  stack.use(joinHosts([a, b]));
  addPod(a, [family]);
  a.netns.run(() => execFileSync("sysctl", ["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]));
  const stranger = Address.parse(family === 4 ? "192.168.0.66" : "fd99::66");
  b.ip(
    "address",
    "add",
    stranger.toString() + (family === 4 ? "/24" : "/64"),
    "dev",
    "eth0",
    ...(family === 6 ? ["nodad"] : []),
  );
  // Packets that wait for the address of somebody who is not there would hold up who sends them.
  a.ip("neighbour", "add", underlayOf(3, family).toString(), "lladdr", "02:00:00:00:00:03", "dev", "eth0");
  const { reconciler } = a.reconcile(shape);
  reconciler.replaceLeases([makeLease(2, shape), makeLease(3, shape)]);
  await reconciler.settled();
  const links = JSON.parse(a.ip("-j", "link", "show", "flannel0")) as { readonly ifindex: number }[];
  return {
    a,
    peer: stack.use(udpEnd(b.netns, underlayOf(2, family))),
    stranger: stack.use(udpEnd(b.netns, stranger)),
    device: links[0]!.ifindex,
    [Symbol.dispose]: () => stack.dispose(),
  };
}

/** Datagrams from outside. */
export async function fuzz(datapath: string, count: number, random: () => number, family: Family = 4): Promise<string> {
  using arena = await makeArena(datapath, family);
  const { a, peer, stranger, device } = arena;
  // All that the host's own stack is given by the tunnel's device comes by here.
  using heard = listen(a, device, family);
  const seeds = seedPackets(family);
  const [to, own] = [underlayOf(1, family), podOf(1, family).masked];
  let wrong = "";
  for (let sent = 0; sent < count; sent++) {
    const datagram = mutate(seeds[Math.floor(random() * seeds.length)]!, random);
    (random() < 0.8 ? peer : stranger).send(datagram, to);
    if (sent % 64 === 0) {
      wrong ||= heard.judge((address) => own.contains(address));
      while (peer.receive(0) !== undefined);
      await new Promise(setImmediate);
    }
  }
  // It still does what it should.
  const isAlive = await answers(peer, family);
  wrong ||= heard.judge((address) => own.contains(address));
  const traffic = trafficOf(datapath, a);
  const received = traffic.peers.reduce((sum, each) => sum + each.receivedPackets, 0n);
  const what = `${count} datagrams, ${received} let in, ${heard.count} seen by the host`;
  return verdict(what, arena, traffic, isAlive, wrong);
}

/** Packets of containers, put to the device as no kernel would: none may go to another node than its address says. */
export async function fuzzInside(
  datapath: string,
  count: number,
  random: () => number,
  family: Family,
): Promise<string> {
  using arena = await makeArena(datapath, family);
  const { a, peer, device } = arena;
  using inside = frameEnd(a.netns, device, family);
  const seeds = seedPackets(family).map((packet) => swapped(packet, family));
  const theirs = podOf(2, family).masked;
  let [wrong, arrived] = ["", 0];
  const judge = (packet: Uint8Array): void => {
    arrived++;
    if (packet.length < HEADER[family] || packet[0]! >>> 4 !== family) wrong ||= "; sent what is no packet";
    else if (!theirs.contains(addressesOf(packet, family).to)) wrong ||= "; sent a packet to the wrong node";
  };
  for (let sent = 0; sent < count; sent++) {
    const packet = mutate(seeds[Math.floor(random() * seeds.length)]!, random);
    // The kernel itself sends nothing so short.
    if (packet.length > 0) inside.send(packet);
    if (sent % 64 === 0) {
      for (let packet = peer.receive(0); packet !== undefined; packet = peer.receive(0)) judge(packet);
      // The device holds some hundred packets for the thread, and drops the rest.
      await new Promise((resolve) => (datapath === "userspace" ? setTimeout(resolve, 1) : setImmediate(resolve)));
    }
  }
  const isAlive = await answers(peer, family, judge);
  return verdict(`${count} packets from inside, ${arrived} arrived`, arena, trafficOf(datapath, a), isAlive, wrong);
}

function verdict(what: string, { a }: Arena, { drops }: DatapathTraffic, isAlive: boolean, wrong: string): string {
  const told = Object.entries(drops).flatMap(([reason, number]) => (number === 0n ? [] : [`${reason} ${number}`]));
  const restarts = a.userspace.status?.restarts ?? 0;
  const word = isAlive && wrong === "" && restarts === 0 ? "ok" : "FAILED";
  return `${word}: ${what}, dropped: ${told.join(", ")}; ${
    isAlive ? "answers" : "DOES NOT ANSWER"
  } afterwards, ${restarts} restarts${wrong}`;
}

function trafficOf(datapath: string, { netns, userspace }: Host): DatapathTraffic {
  if (datapath === "userspace") return userspace.traffic()!;
  return netns.run(() => {
    using kernel = new KernelDatapath({ sys, instance: "test" });
    return kernel.traffic()!;
  });
}

const HEADER = { 4: 20, 6: 40 } as const;
const LAST = 4_242;

async function answers(
  peer: UdpEnd,
  family: Family,
  judge: (packet: Uint8Array) => void = () => undefined,
): Promise<boolean> {
  const request = pingPacket(podOf(2, family).address, podOf(1, family).address, LAST);
  const at = HEADER[family];
  for (let attempt = 0; attempt < 200; attempt++) {
    peer.send(request, underlayOf(1, family));
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (let got = peer.receive(0); got !== undefined; got = peer.receive(0)) {
      if (got[at] === (family === 4 ? 0 : 129) && ((got[at + 6]! << 8) | got[at + 7]!) === LAST) return true;
      judge(got);
    }
  }
  return false;
}

function seedPackets(family: Family): Uint8Array[] {
  const [from, to] = [podOf(2, family).address, podOf(1, family).address];
  const tcp = new Uint8Array(32);
  tcp.set([0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 1, 0]);
  const options = family === 4 ? Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) : Uint8Array.of(58, 0, 1, 4, 0, 0, 0, 0);
  const elsewhere = (text4: string, text6: string): Address => Address.parse(family === 4 ? text4 : text6);
  return [
    pingPacket(from, to, 1, { size: 40 }),
    pingPacket(from, to, 1, { size: 1_300 }),
    ipPacket({ from, to, protocol: 6, payload: tcp }),
    ipPacket({ from, to, protocol: 17, payload: new Uint8Array(24) }),
    pingPacket(from, to, 2, { options }),
    // In another node's name, in ours, and to elsewhere.
    pingPacket(podOf(3, family).address, to, 3),
    pingPacket(podOf(1, family).address.add(1), to, 4),
    pingPacket(from, elsewhere("10.5.9.9", "fd00:5:9::9"), 5),
    pingPacket(elsewhere("8.8.8.8", "2001:db8::8"), to, 6),
    new Uint8Array(0),
  ];
}

function addressesOf(packet: Uint8Array, family: Family): { readonly from: Address; readonly to: Address } {
  const [at, size] = family === 4 ? [12, 4] : [8, 16];
  return {
    from: Address.fromBytes(packet.slice(at, at + size)),
    to: Address.fromBytes(packet.slice(at + size, at + 2 * size)),
  };
}

/** From whom it was for, to whom it was from. */
function swapped(packet: Uint8Array, family: Family): Uint8Array {
  if (packet.length === 0) return packet;
  const bytes = packet.slice();
  const { from, to } = addressesOf(packet, family);
  bytes.set([...to.toBytes(), ...from.toBytes()], family === 4 ? 12 : 8);
  return bytes;
}

/** Bits turned, bytes set, ends cut or grown. */
function mutate(seed: Uint8Array, random: () => number): Uint8Array {
  const pick = (below: number): number => Math.floor(random() * below);
  const bytes = seed.slice();
  const kind = random();
  if (kind < 0.1) return bytes.subarray(0, pick(bytes.length + 1));
  if (kind < 0.2) return Uint8Array.from([...bytes, ...Array.from({ length: pick(40) }, () => pick(256))]);
  for (let times = 1 + pick(4); times > 0 && bytes.length > 0; times--) {
    // Most of them in the headers.
    const at = random() < 0.8 ? pick(Math.min(bytes.length, 60)) : pick(bytes.length);
    bytes[at] = random() < 0.5 ? bytes[at]! ^ (1 << pick(8)) : pick(256);
  }
  return bytes;
}

interface Listener extends Disposable {
  count: number;
  /** Looks at all that was heard; text that says what should not have been. */
  judge(isOwn: (address: Address) => boolean): string;
}

const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const ETHER_TYPE = { 4: 0x0800, 6: 0x86dd } as const;
/** Of struct sockaddr_ll: type of the packet; and PACKET_OUTGOING, which the host itself sent. */
const PACKET_TYPE_AT = 10;
const PACKET_OUTGOING = 4;

function listen({ netns }: Host, device: number, family: Family): Listener {
  const type = ETHER_TYPE[family];
  const fd = netns.run(() => {
    const socket = sys.socket(AF_PACKET, SOCK_DGRAM, ((type & 0xff) << 8) | (type >> 8));
    const name = new Uint8Array(20);
    const view = new DataView(name.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setUint16(2, type);
    view.setInt32(4, device, true);
    sys.bind(socket, name);
    return socket;
  });
  const buffer = new Uint8Array(65_536);
  const third = podOf(3, family).masked;
  const listener: Listener = {
    count: 0,
    judge(isOwn) {
      for (;;) {
        const { length, from } = sys.receiveFrom(fd, buffer, 0x40);
        if (length < 0) return "";
        if (from[PACKET_TYPE_AT] === PACKET_OUTGOING) continue;
        listener.count++;
        if (length < HEADER[family] || buffer[0]! >>> 4 !== family) return `; let in what is no packet`;
        const { from: source, to: target } = addressesOf(buffer, family);
        if (!isOwn(target)) return `; let in a packet to ${target.toString()}`;
        if (isOwn(source) || third.contains(source)) return `; let in a packet from ${source.toString()}`;
      }
    },
    [Symbol.dispose]: () => sys.close(fd),
  };
  return listener;
}
