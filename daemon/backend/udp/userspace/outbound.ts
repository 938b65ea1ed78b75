// From the TUN device to the peers: reads what there is, finds the peer of each packet, cuts trains of TCP into the packets
// that go on the wire, and sends as many as it can with one call. What cannot go is answered by ICMP, as a router would.
import { type Arena, type Outgoing, readAt } from "#kernel/packets/io";
import { completeChecksum, cutSegment, readTrain, type Train, VNET_HEADER } from "./vnet.ts";
import { COUNT, type Counters } from "./counters.ts";
import { type Complaint, complain, staysOnLink } from "./complaint.ts";
import { DESTINATION_AT, HEADER, type FabricTable, reasonOf, refusal } from "./fabric-table.ts";
import { EMSGSIZE, isNoWay, isTrainRefused } from "./errno.ts";
import type { Offloads } from "./messages.ts";

/** Of a packet with the device's header. A little more than there can be. */
const PACKET_ROOM = 66_048;
/** linux/udp.h: UDP_MAX_SEGMENTS, of kernels before 6.9. */
const MOST_SEGMENTS = 64;
/** Of a train, with all headers but the outer: what an IPv4 packet holds, with room for options. */
const LONGEST_TRAIN = 65_400;
/** ICMP errors a second; the BPF programs allow themselves as many. */
const COMPLAINTS_A_SECOND = 1_000;
/** Headers of segments are put together in pieces of this size. */
const HEADERS_ROOM = 160;
/** Packets read in one go. */
const BATCH = 64;

const UNKNOWN_SUBNET = reasonOf(refusal("unknown-subnet"));
const NO_ROUTE = reasonOf(refusal("no-route"));
const TOO_BIG = reasonOf(refusal("too-big"));
const MALFORMED = reasonOf(refusal("malformed"));
const REFUSED = reasonOf(refusal("kernel-refused"));

export interface Peer {
  readonly family: 4 | 6;
  readonly name: Uint8Array;
  /** Datagrams are sent to it one by one. */
  readonly isSingle: boolean;
}

export interface OutboundParts {
  readonly table: FabricTable;
  readonly counters: Counters;
  readonly offloads: Offloads;
  /** By slot. */
  readonly peers: (Peer | undefined)[];
  /** Memory for packets, and behind them for headers. */
  readonly data: Arena;
  readonly outgoing: Readonly<Record<4 | 6, Outgoing>>;
  /** Puts a packet into the device. */
  readonly answer: (packet: Uint8Array) => void;
  /** The longest IP packet to the peer, as the kernel knows; undefined when it does not. */
  readonly pathMtu: (peer: Peer) => number | undefined;
  readonly now: () => number;
}

/** What is remembered of each datagram or train on its way out. */
interface Pending {
  slot: number;
  size: number;
  segments: number;
  bytes: number;
  /** Its last segment is shorter: nothing may follow. */
  isClosed: boolean;
  /** The packet that it is, or is the beginning of. */
  packet: number;
  length: number;
}

const OUTER = { 4: 28, 6: 48 } as const;

export class Outbound {
  readonly #parts: OutboundParts;
  readonly #pending: Readonly<Record<4 | 6, Pending[]>> = { 4: [], 6: [] };
  /** UDP_SEGMENT works here. */
  #isCutting: boolean;
  /** Where packets end and headers begin. */
  readonly #headersAt: number;
  #headers = 0;
  #second = 0;
  #complaints = 0;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
    this.#isCutting = parts.offloads.segment;
    const headers = (parts.outgoing[4].vectors.capacity / 2) * HEADERS_ROOM;
    this.#headersAt = parts.data.bytes.length - headers;
    if (this.#headersAt < PACKET_ROOM) throw new RangeError("the memory for packets is too small");
    for (const family of [4, 6] as const) {
      for (let index = 0; index < parts.outgoing[family].capacity; index++) {
        const none = { slot: -1, size: 0, segments: 0, bytes: 0, isClosed: false, packet: 0, length: 0 };
        this.#pending[family].push(none);
      }
    }
  }

  /** Memory for a batch of packets, and headers for as many segments as there are vectors. */
  static memory(vectors: number, packets: number): number {
    return packets + (vectors / 2) * HEADERS_ROOM;
  }

  /** Carries what waits in the device, up to a batch. False when the device is gone. */
  run(device: number, sockets: Readonly<Partial<Record<4 | 6, number>>>): boolean {
    const { data, offloads } = this.#parts;
    const front = offloads.device ? VNET_HEADER : 0;
    const most = offloads.batch ? BATCH : 1;
    let cursor = VNET_HEADER;
    let isThere = true;
    for (let packets = 0; packets < most && cursor + PACKET_ROOM <= this.#headersAt; packets++) {
      // What a device without its own header gives has one of zeros in front.
      const length = readAt(device, data.address + cursor - front, PACKET_ROOM - VNET_HEADER);
      if (length <= 0) {
        isThere = length === 0 || length === -11 || length === -4;
        break;
      }
      if (front === 0) data.bytes.fill(0, cursor - VNET_HEADER, cursor);
      this.take(cursor, length - front, sockets);
      cursor += ((length + 15) & ~7) + VNET_HEADER;
    }
    this.flush(sockets);
    return isThere;
  }

  /** Takes the packet at `at`, which has a vnet header in front. */
  take(at: number, length: number, sockets: Readonly<Partial<Record<4 | 6, number>>>): void {
    const { data, table, counters } = this.#parts;
    const { view } = data;
    const family = length > 0 ? view.getUint8(at) >>> 4 : 0;
    if ((family !== 4 && family !== 6) || length < HEADER[family]) {
      counters.drop(-1, COUNT.sent, MALFORMED);
      return;
    }
    const slot = table.routes[family].find(view, at + DESTINATION_AT[family]);
    const vnet = at - VNET_HEADER;
    const train = readTrain(view, vnet, length, family);
    if (train === false || (train === undefined && !completeChecksum(view, vnet, length))) {
      counters.drop(slot, COUNT.sent, MALFORMED);
      return;
    }
    if (slot < 0) {
      if (family === 6 && staysOnLink(view, at)) return;
      counters.drop(-1, COUNT.sent, UNKNOWN_SUBNET);
      this.#complain(at, length, family, "unreachable");
      return;
    }
    if (train === undefined) this.#push(family, slot, at, length, at, length, sockets);
    else this.#cut(family, slot, at, length, train, sockets);
  }

  #cut(
    family: 4 | 6,
    slot: number,
    packet: number,
    length: number,
    train: Train,
    sockets: Readonly<Partial<Record<4 | 6, number>>>,
  ): void {
    const { data, outgoing } = this.#parts;
    if (train.headers > HEADERS_ROOM) {
      this.#parts.counters.drop(slot, COUNT.sent, MALFORMED);
      return;
    }
    const { address, bytes, view } = data;
    for (let index = 0; index < train.segments; index++) {
      const payload = packet + train.headers + index * train.size;
      const carried = Math.min(train.size, packet + length - payload);
      this.#begin(family, slot, train.headers + carried, packet, length, sockets);
      const at = this.#headersAt + this.#headers++ * HEADERS_ROOM;
      cutSegment(bytes, view, { packet, length, family }, train, index, at);
      outgoing[family].push(address + at, train.headers);
      if (carried > 0) outgoing[family].push(address + payload, carried);
    }
  }

  #push(
    family: 4 | 6,
    slot: number,
    at: number,
    length: number,
    packet: number,
    whole: number,
    sockets: Readonly<Partial<Record<4 | 6, number>>>,
  ): void {
    this.#begin(family, slot, length, packet, whole, sockets);
    this.#parts.outgoing[family].push(this.#parts.data.address + at, length);
  }

  /** Makes a datagram of `size` bytes the next one: behind the last one's train where it fits, or by itself. */
  #begin(
    family: 4 | 6,
    slot: number,
    size: number,
    packet: number,
    length: number,
    sockets: Readonly<Partial<Record<4 | 6, number>>>,
  ): void {
    const out = this.#parts.outgoing[family];
    const isFull = out.vectors.count + 2 > out.vectors.capacity || this.#headers * 2 + 2 > out.vectors.capacity;
    if (isFull) this.flush(sockets);
    const last = out.count === 0 ? undefined : this.#pending[family][out.count - 1]!;
    if (
      last !== undefined &&
      this.#isCutting &&
      last.slot === slot &&
      !last.isClosed &&
      size <= last.size &&
      last.segments < MOST_SEGMENTS &&
      last.bytes + size <= LONGEST_TRAIN
    ) {
      if (last.segments === 1) out.segment(last.size);
      last.segments++;
      last.bytes += size;
      last.isClosed = size < last.size;
      return;
    }
    if (out.count === out.capacity) this.flush(sockets);
    const next = this.#pending[family][out.count]!;
    next.slot = slot;
    next.size = size;
    next.segments = 1;
    next.bytes = size;
    const peer = this.#parts.peers[slot]!;
    next.isClosed = peer.isSingle;
    next.packet = packet;
    next.length = length;
    out.begin(peer.name);
  }

  /** Sends what has been gathered. */
  flush(sockets: Readonly<Partial<Record<4 | 6, number>>>): void {
    for (const family of [4, 6] as const) {
      const out = this.#parts.outgoing[family];
      const fd = sockets[family];
      let index = 0;
      const step = this.#parts.offloads.batch ? out.count : 1;
      while (index < out.count) {
        const sent = fd === undefined ? 0 : out.send(fd, index, Math.min(step, out.count - index));
        if (sent > 0) {
          for (const end = index + sent; index < end; index++) this.#count(this.#pending[family][index]!);
        } else {
          this.#onRefused(family, fd, index, -sent);
          index++;
        }
      }
      out.clear();
    }
    this.#headers = 0;
  }

  #count({ slot, segments, bytes }: Pending): void {
    this.#parts.counters.count(slot, COUNT.sent, segments, bytes);
  }

  /** A datagram or a train was refused. A train is sent in pieces, unless those are too long. */
  #onRefused(family: 4 | 6, fd: number | undefined, index: number, errno: number): void {
    const pending = this.#pending[family][index]!;
    if (fd === undefined || pending.segments === 1 || !isTrainRefused(errno)) {
      this.#drop(family, pending, pending.segments, errno);
      return;
    }
    const out = this.#parts.outgoing[family];
    const { first, count } = out.vectorsOf(index);
    let left = pending.segments;
    let sent = 0;
    for (let at = first; at < first + count;) {
      let bytes = 0;
      let next = at;
      while (next < first + count && bytes < pending.size) bytes += out.vectors.lengthOf(next++);
      const failure = out.sendPart(fd, index, at, next - at);
      if (failure < 0) {
        // The others of the train would be refused as well; one answer is enough.
        this.#drop(family, pending, left, -failure);
        return;
      }
      this.#parts.counters.count(pending.slot, COUNT.sent, 1, bytes);
      left--;
      sent++;
      at = next;
    }
    // All pieces go by themselves, and together they do not: this kernel or card does not cut.
    if (sent === pending.segments) this.#isCutting = false;
  }

  #drop(family: 4 | 6, { slot, packet, length }: Pending, packets: number, errno: number): void {
    const { counters, peers, pathMtu } = this.#parts;
    if (errno === EMSGSIZE) {
      counters.drop(slot, COUNT.sent, TOO_BIG, packets);
      const mtu = pathMtu(peers[slot]!);
      if (mtu !== undefined) this.#complain(packet, length, family, { mtu: Math.max(mtu - OUTER[family], 68) });
      return;
    }
    counters.drop(slot, COUNT.sent, isNoWay(errno) ? NO_ROUTE : REFUSED, packets);
  }

  #complain(at: number, length: number, family: 4 | 6, complaint: Complaint): void {
    const { data, now, answer } = this.#parts;
    const second = Math.floor(now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#complaints = 0;
    }
    if (this.#complaints >= COMPLAINTS_A_SECOND) return;
    const packet = complain(data.view, at, length, family, complaint);
    if (packet === undefined) return;
    this.#complaints++;
    answer(packet);
  }
}
