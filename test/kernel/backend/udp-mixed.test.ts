// The kernel's data path beside a node that reads datagrams from a socket, as flannel does, on a wire that neither cuts
// trains nor makes checksums: what comes must be single packets, whole, all the same. The other node is a plain socket.
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import type { Family } from "#kernel/ip/address";
import { enterFreshBpfFs } from "../../support/bpf.ts";
import { makeLease, podOf, subnetOf, underlayOf, type FabricShape } from "../../support/fabric.ts";
import { addPod, joinHosts, makeHost, type Host } from "../../support/hosts.ts";
import { needs } from "../../support/kernel-features.ts";
import { startProcess } from "../../support/processes.ts";
import { isIntact, readTcp, tcpPacket } from "../../support/tcp-packets.ts";
import { socketName, udpEnd, type UdpEnd } from "../../support/udp-packets.ts";

const families = [4, 6] as const;
const SHAPE: FabricShape = { type: "udp", options: { Datapath: "kernel" }, families };
/** Of the device: 1500 less 48. */
const MTU = 1452;
const PATIENCE = 10_000;

const DOMAIN = { 4: 2, 6: 10 } as const;
const [SOCK_DGRAM, UDP, UDP_SEGMENT] = [2, 17, 103] as const;

let a: Host;
let b: Host;
const peers = {} as Record<Family, UdpEnd>;
const disposables: Disposable[] = [];

beforeAll(async () => {
  enterFreshBpfFs();
  a = makeHost(1);
  b = makeHost(2);
  disposables.push(a, b, joinHosts([a, b]));
  addPod(a, families);
  a.netns.run(() => execFileSync("sysctl", ["-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]));
  const { reconciler } = a.reconcile(SHAPE);
  // Its lease says nothing of a data path.
  reconciler.replaceLeases([makeLease(2, SHAPE)]);
  await reconciler.settled();
  expect(reconciler.state()).toMatchObject({ failed: [], ready: true, peers: 1 });
  for (const family of families) disposables.push((peers[family] = udpEnd(b.netns, underlayOf(2, family))));
});

afterAll(() => {
  for (const each of disposables.toReversed()) each[Symbol.dispose]();
});

describe("the kernel's data path and a node with a socket", needs(), () => {
  test.each(families)("trains of TCP over IPv%d come as single packets with checksums", async (family) => {
    const peer = peers[family];
    const [to, port] = [podOf(2, family).address, 80];
    const script = `exec 3<>/dev/tcp/${to.toString()}/${port}; head -c 60000 /dev/zero >&3; exec cat <&3`;
    const client = a.netns.run(() => startProcess("bash", ["-c", script]));
    const from = subnetOf(1, family).first;
    let next: number | undefined;
    let [first, packets] = [0, 0];
    while (next === undefined || next - first < 50_000) {
      const packet = peer.receive(PATIENCE);
      expect(packet, `after ${packets} packets`).toBeDefined();
      expect(isIntact(packet!)).toBe(true);
      expect(packet!.length).toBeLessThanOrEqual(MTU);
      const { fromPort, sequence, length } = readTcp(packet!);
      const isNew = next === undefined;
      if (next === undefined) next = first = sequence + 1;
      else if (sequence === next) next += length;
      packets++;
      const answer = {
        from: to,
        to: from,
        fromPort: port,
        toPort: fromPort,
        sequence: isNew ? 1 : 2,
        acknowledged: next,
      };
      const more = isNew ? ({ flags: ["syn", "ack"], mss: MTU - 60 } as const) : ({ flags: ["ack"] } as const);
      peer.send(tcpPacket({ ...answer, ...more }), underlayOf(1, family));
    }
    expect(packets).toBeGreaterThan(30);
    client.child.kill("SIGKILL");
    await client.finished;
  });

  test.each(families)("a container's trains of UDP over IPv%d do, and single datagrams have checksums", (family) => {
    const fd = a.netns.run(() => sys.socket(DOMAIN[family], SOCK_DGRAM, 0));
    const to = socketName(podOf(2, family).address, 9_999);
    expect(sys.sendTo(fd, new Uint8Array(700).fill(7), 0, to)).toBe(700);
    sys.setsockopt(fd, UDP, UDP_SEGMENT, 1_000);
    expect(sys.sendTo(fd, new Uint8Array(3_500).fill(7), 0, to)).toBe(3_500);
    sys.close(fd);
    const headers = (family === 4 ? 20 : 40) + 8;
    for (const size of [700, 1_000, 1_000, 1_000, 500]) {
      let packet = peers[family].receive(PATIENCE)!;
      // What TCP sends again does not matter.
      while (protocolOf(packet) !== UDP) packet = peers[family].receive(PATIENCE)!;
      expect([packet.length - headers, isIntact(packet)]).toEqual([size, true]);
    }
  });
});

function protocolOf(packet: Uint8Array): number {
  return packet[packet[0]! >> 4 === 4 ? 9 : 6]!;
}
