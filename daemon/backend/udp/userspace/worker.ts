// The thread that carries the udp backend's packets where the kernel does not. It does nothing else and never returns to its
// event loop: it waits for the device, the sockets and the bell, which says that messages wait.
import { Arena, Incoming, Outgoing, POLL, PollSet, Vectors } from "#kernel/packets/io";
import type { MessagePort } from "node:worker_threads";
import { receiveMessageOnPort } from "node:worker_threads";
import type { Sys } from "#kernel/sys";
import { Counters, COUNT } from "./counters.ts";
import { FabricTable, reasonOf, refusal } from "./fabric-table.ts";
import { Inbound } from "./inbound.ts";
import { Joiner } from "./joiner.ts";
import type { FromWorker, Opened, PeersChanged, ToWorker, WorkerData } from "./messages.ts";
import { Outbound, type Peer } from "./outbound.ts";
import { TrainWriter } from "./train-writer.ts";
import { PLAIN } from "./vnet.ts";

/** The longest wait: the end of the process waits for this thread, and the daemon for a sign of life. */
const WAIT_MS = 500;
/** Vectors of datagrams on their way out: one packet of 64 KiB in segments of 88 bytes, the smallest that Linux makes. */
const VECTORS = 2_048;
const PACKETS_ROOM = 512 * 1024;
/** Trains of 64 KiB: no more than a processor's cache holds. Single datagrams touch little of theirs. */
const RECEIVED = { trains: 16, single: 64 } as const;
const KERNEL_REFUSED = reasonOf(refusal("kernel-refused"));
const MOST_MESSAGES = 64;
const EAGAIN = 11;
const EBADFD = 77;

const BELL = 0;
const DEVICE = 1;
const SOCKET = { 4: 2, 6: 3 } as const;

export function carryPackets(sys: Sys, port: MessagePort, { counters: memory, bell, offloads }: WorkerData): void {
  const counters = new Counters(memory);
  const table = new FabricTable();
  const peers: (Peer | undefined)[] = [];
  const poll = new PollSet(4);
  const tell = (message: FromWorker): void => port.postMessage(message);
  let opened: Opened | undefined;
  let device = -1;
  const sockets: Partial<Record<4 | 6, number>> = {};

  const loseDevice = (): void => {
    device = -1;
    poll.set(DEVICE, -1);
    tell({ type: "device-lost" });
  };
  const write = (vectors: Vectors): void => {
    if (device < 0) return;
    const answer = vectors.writeTo(device);
    if (answer === -EBADFD) loseDevice();
    else if (answer < 0) counters.drop(-1, COUNT.received, KERNEL_REFUSED);
  };

  const incoming = new Incoming(offloads.batch ? (offloads.receive ? RECEIVED.trains : RECEIVED.single) : 1);
  const front = new Arena(16);
  front.bytes.set(PLAIN);
  const single = new Vectors(2);
  const putAt = (address: number, length: number): void => {
    single.count = 0;
    if (offloads.device) single.push(front.address, PLAIN.length);
    single.push(address, length);
    write(single);
  };
  const answers = new Arena(256);
  const vectors = new Vectors(VECTORS);
  const outbound = new Outbound({
    table,
    counters,
    offloads,
    peers,
    data: new Arena(Outbound.memory(VECTORS, PACKETS_ROOM)),
    outgoing: { 4: new Outgoing(MOST_MESSAGES, vectors), 6: new Outgoing(MOST_MESSAGES, new Vectors(VECTORS)) },
    answer: (packet) => {
      answers.bytes.set(packet);
      putAt(answers.address, packet.length);
    },
    pathMtu: (peer) => askPathMtu(sys, opened?.sockets[peer.family]?.ask, peer),
    now: () => performance.now(),
  });
  const makers = {
    vectors: (count: number): Vectors => new Vectors(count),
    arena: (size: number): Arena => new Arena(size),
  };
  const inbound = new Inbound({
    table,
    counters,
    incoming,
    deliver: (at, length) => putAt(incoming.data.address + at, length),
    putTrain: new TrainWriter(incoming.data, write, offloads.device),
    ...(offloads.device ? { joiner: new Joiner(incoming.data, write, makers) } : {}),
  });

  const open = (message: Opened): void => {
    opened = message;
    inbound.mtu = message.mtu;
    device = message.device;
    poll.set(DEVICE, device);
    for (const family of [4, 6] as const) {
      const fd = message.sockets[family]?.data;
      if (fd === undefined) delete sockets[family];
      else sockets[family] = fd;
      poll.set(SOCKET[family], fd ?? -1);
      table.setOwn(family, message.own[family]);
    }
    const descriptors = Object.values(message.sockets).flatMap(({ data, ask }) => [data, ask]);
    tell({ type: "using", descriptors: [device, ...descriptors] });
  };

  poll.set(BELL, bell);
  for (const slot of [DEVICE, SOCKET[4], SOCKET[6]]) poll.set(slot, -1);
  const rung = new Uint8Array(8);
  for (;;) {
    counters.round();
    const ready = poll.wait(WAIT_MS);
    if (ready < 0) throw new Error(`poll: errno ${-ready}`);
    if (ready === 0) continue;
    if (poll.answer(BELL) !== 0) {
      sys.read(bell, rung);
      for (;;) {
        const message = receiveMessageOnPort(port)?.message as ToWorker | undefined;
        if (message === undefined) break;
        if (message.type === "stop") return;
        if (message.type === "open") open(message);
        else changePeers(table, peers, message);
      }
      // The answers were about what may no longer be.
      continue;
    }
    for (const family of [4, 6] as const) {
      const answer = poll.answer(SOCKET[family]);
      if ((answer & POLL.invalid) !== 0) throw new Error(`the IPv${family} socket is closed`);
      if (answer === 0) continue;
      const failure = inbound.run(sockets[family]!, family);
      // Errors that were told of an earlier datagram are none of this one's.
      if (failure < 0 && failure !== -EAGAIN) counters.drop(-1, COUNT.received, KERNEL_REFUSED);
    }
    const answer = poll.answer(DEVICE);
    if (answer !== 0 && device >= 0) {
      if ((answer & POLL.invalid) !== 0) throw new Error("the device's descriptor is closed");
      const isGone = (answer & POLL.error) !== 0 || !outbound.run(device, sockets);
      if (isGone) loseDevice();
    }
  }
}

function changePeers(table: FabricTable, peers: (Peer | undefined)[], { added, removed, gone }: PeersChanged): void {
  for (const { family, subnet } of removed) table.routes[family].delete(subnet.address, subnet.length);
  for (const { family, endpoint } of gone) table.endpoints[family].delete(endpoint, endpoint.length * 8);
  for (const { family, subnet, endpoint, slot, name, isSingle } of added) {
    peers[slot] = { family, name, isSingle };
    table.endpoints[family].set(endpoint, endpoint.length * 8, slot);
    table.routes[family].set(subnet.address, subnet.length, slot);
  }
}

/** IP_MTU of ip(7), IPV6_MTU of ipv6(7): of the route that a socket is connected by. */
const MTU_OPTION = { 4: { level: 0, option: 14 }, 6: { level: 41, option: 24 } } as const;

function askPathMtu(sys: Sys, fd: number | undefined, { family, name }: Peer): number | undefined {
  if (fd === undefined) return undefined;
  try {
    sys.connect(fd, name);
    return sys.getsockopt(fd, MTU_OPTION[family].level, MTU_OPTION[family].option);
  } catch {
    return undefined;
  }
}
