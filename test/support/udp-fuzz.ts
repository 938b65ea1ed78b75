// Mutated datagrams at the port of the udp backend's data path, from a peer's address and from a stranger's, with a listener
// that looks at whatever comes through.
import { execFileSync } from "node:child_process";
import { Address } from "#kernel/ip/address";
import { sys } from "#sys";
import { KernelDatapath } from "../../daemon/backend/udp/kernel-datapath.ts";
import type { DatapathTraffic } from "../../daemon/backend/udp/datapath.ts";
import { makeLease, podOf, underlayOf, type FabricShape } from "./fabric.ts";
import { addPod, joinHosts, makeHost, type Host } from "./hosts.ts";
import { echoRequest, ipPacket, udpEnd, type UdpEnd } from "./udp-packets.ts";

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
export async function fuzz(datapath: string, count: number, random: () => number): Promise<string> {
  const shape: FabricShape = { type: "udp", options: { Datapath: datapath }, families: [4] };
  using a = makeHost(1);
  using b = makeHost(2);
  using _switch = joinHosts([a, b]);
  addPod(a);
  a.netns.run(() => execFileSync("sysctl", ["-qw", "net.ipv4.ip_forward=1"]));
  b.ip("address", "add", "192.168.0.66/24", "dev", "eth0");
  const { reconciler } = a.reconcile(shape);
  reconciler.replaceLeases([makeLease(2, shape), makeLease(3, shape)]);
  await reconciler.settled();
  using peer = udpEnd(b.netns, underlayOf(2, 4));
  using stranger = udpEnd(b.netns, Address.parse("192.168.0.66"));
  // All that the host's own stack is given by the tunnel's device comes by here.
  using heard = listen(a);
  const seeds = seedPackets();
  const [to, own] = [underlayOf(1, 4), podOf(1, 4)];
  let wrong = "";
  for (let sent = 0; sent < count; sent++) {
    const datagram = mutate(seeds[Math.floor(random() * seeds.length)]!, random);
    (random() < 0.8 ? peer : stranger).send(datagram, to);
    if (sent % 64 === 0) {
      wrong ||= heard.judge(own.masked.contains.bind(own.masked));
      while (peer.receive(0) !== undefined);
      await new Promise(setImmediate);
    }
  }
  // It still does what it should.
  const isAlive = await answers(peer, to);
  wrong ||= heard.judge(own.masked.contains.bind(own.masked));
  const traffic = trafficOf(datapath, a);
  const { peers, drops } = traffic;
  const received = peers.reduce((sum, each) => sum + each.receivedPackets, 0n);
  const told = Object.entries(drops).flatMap(([reason, number]) => (number === 0n ? [] : [`${reason} ${number}`]));
  const restarts = a.userspace.status?.restarts ?? 0;
  const verdict = isAlive && wrong === "" && restarts === 0 ? "ok" : "FAILED";
  return `${verdict}: ${count} datagrams, ${received} let in, ${heard.count} seen by the host, dropped: ${told.join(", ")}; ${
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

async function answers(peer: UdpEnd, to: Address): Promise<boolean> {
  const request = ipPacket({ from: podOf(2, 4).address, to: podOf(1, 4).address, payload: echoRequest(4_242) });
  for (let attempt = 0; attempt < 50; attempt++) {
    peer.send(request, to);
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (let got = peer.receive(0); got !== undefined; got = peer.receive(0)) {
      if (got[20] === 0 && got[9] === 1 && ((got[26]! << 8) | got[27]!) === 4_242) return true;
    }
  }
  return false;
}

function seedPackets(): Uint8Array[] {
  const [from, to] = [podOf(2, 4).address, podOf(1, 4).address];
  const tcp = new Uint8Array(32);
  tcp.set([0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x10, 1, 0]);
  const options = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0);
  return [
    ipPacket({ from, to, payload: echoRequest(1, 40) }),
    ipPacket({ from, to, payload: echoRequest(1, 1_300) }),
    ipPacket({ from, to, protocol: 6, payload: tcp }),
    ipPacket({ from, to, protocol: 17, payload: new Uint8Array(24) }),
    ipPacket({ from, to, payload: echoRequest(2), options }),
    // In another node's name, in ours, and to elsewhere.
    ipPacket({ from: podOf(3, 4).address, to, payload: echoRequest(3) }),
    ipPacket({ from: podOf(1, 4).address.add(1), to, payload: echoRequest(4) }),
    ipPacket({ from, to: Address.parse("10.5.9.9"), payload: echoRequest(5) }),
    ipPacket({ from: Address.parse("8.8.8.8"), to, payload: echoRequest(6) }),
    new Uint8Array(0),
  ];
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
const ETH_P_IP = 0x0800;
/** Of struct sockaddr_ll: type of the packet; and PACKET_OUTGOING, which the host itself sent. */
const PACKET_TYPE_AT = 10;
const PACKET_OUTGOING = 4;

function listen({ netns }: Host): Listener {
  const protocol = ((ETH_P_IP & 0xff) << 8) | (ETH_P_IP >> 8);
  const fd = netns.run(() => {
    const socket = sys.socket(AF_PACKET, SOCK_DGRAM, protocol);
    const link = JSON.parse(execFileSync("ip", ["-j", "link", "show", "flannel0"], { encoding: "utf8" })) as {
      readonly ifindex: number;
    }[];
    const name = new Uint8Array(20);
    const view = new DataView(name.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setUint16(2, ETH_P_IP);
    view.setInt32(4, link[0]!.ifindex, true);
    sys.bind(socket, name);
    return socket;
  });
  const buffer = new Uint8Array(65_536);
  const isOf = (n: number, address: Address): boolean => podOf(n, 4).masked.contains(address);
  const listener: Listener = {
    count: 0,
    judge(isOwn) {
      for (;;) {
        const { length, from } = sys.receiveFrom(fd, buffer, 0x40);
        if (length < 0) return "";
        if (from[PACKET_TYPE_AT] === PACKET_OUTGOING) continue;
        listener.count++;
        const [source, target] = [12, 16].map((at) => Address.fromBytes(buffer.slice(at, at + 4))) as [
          Address,
          Address,
        ];
        if (length < 20 || buffer[0]! >>> 4 !== 4) return `; let in what is no packet`;
        if (!isOwn(target)) return `; let in a packet to ${target.toString()}`;
        if (isOwn(source) || isOf(3, source)) return `; let in a packet from ${source.toString()}`;
      }
    },
    [Symbol.dispose]: () => sys.close(fd),
  };
  return listener;
}
