// Joins TCP segments that follow each other into trains, which the TUN device takes as one packet: what the kernel's receive
// offload does (tcp_gro_receive of net/ipv4/tcp_offload.c), with its rules. A segment whose checksum is wrong is never joined:
// a train has none of its own. Segments of one connection leave in the order in which they came.
import type { Arena, Vectors } from "#kernel/packets/io";
import { fold, pseudoSum, sealHeader, sumOf } from "./checksum.ts";
import { HEADER } from "./fabric-table.ts";
import { TCP_FLAG, VNET_HEADER, writeTrain } from "./vnet.ts";

/** Trains under way at a time; one more, and the oldest leaves. */
const TRAINS = 16;
/** Header and segments: a kernel's skb has 17 fragments, but copies what has more. */
const MOST_SEGMENTS = 64;
const LONGEST = 65_535;
/** Of vnet, IP and TCP headers. */
const HEADERS_ROOM = 192;

const IPPROTO_TCP = 6;
const DONT_FRAGMENT = 0x4000;

/** Puts a packet of these vectors, vnet header in front, into the device. */
export type Write = (vectors: Vectors) => void;

interface Open {
  readonly vectors: Vectors;
  /** Where the headers are put together. */
  readonly headers: Arena;
  /** Where the first segment begins; -1 when there is none. */
  packet: number;
  family: 4 | 6;
  ip: number;
  length: number;
  headerLength: number;
  size: number;
  segments: number;
  next: number;
  isClosed: boolean;
  hasPush: boolean;
}

export class Joiner {
  readonly #data: Arena;
  readonly #write: Write;
  readonly #makeVectors: (count: number) => Vectors;
  readonly #makeArena: (size: number) => Arena;
  readonly #trains: Open[] = [];
  #used = 0;

  constructor(
    data: Arena,
    write: Write,
    make: { readonly vectors: (count: number) => Vectors; readonly arena: (size: number) => Arena },
  ) {
    this.#data = data;
    this.#write = write;
    this.#makeVectors = make.vectors;
    this.#makeArena = make.arena;
  }

  /**
   * Takes a packet in. False: it is none to be joined, and those that it must not overtake have left.
   * @param isSound its checksum is right
   */
  take(at: number, length: number, family: 4 | 6, isSound: boolean): boolean {
    const { view } = this.#data;
    const protocol = view.getUint8(at + (family === 4 ? 9 : 6));
    if (protocol !== IPPROTO_TCP) return false;
    const ip = HEADER[family];
    const tcp = at + ip;
    if (length < ip + 20 || (family === 4 && view.getUint8(at) !== 0x45)) {
      this.flush();
      return false;
    }
    const train = this.#find(at, family);
    const headerLength = ip + (view.getUint8(tcp + 12) >>> 4) * 4;
    if (!isSound || !this.#isJoinable(at, length, family, headerLength)) {
      if (train !== undefined) this.#leave(train);
      return false;
    }
    if (train !== undefined) {
      if (this.#append(train, at, length, headerLength)) return true;
      this.#leave(train);
    }
    this.#begin(train ?? this.#free(), { at, length, family, headerLength });
    return true;
  }

  /** All that is under way leaves. */
  flush(): void {
    if (this.#used === 0) return;
    for (const train of this.#trains) if (train.packet >= 0) this.#leave(train);
  }

  #isJoinable(at: number, length: number, family: 4 | 6, headerLength: number): boolean {
    const { view } = this.#data;
    const ip = HEADER[family];
    if (headerLength < ip + 20 || headerLength >= length || headerLength + VNET_HEADER > HEADERS_ROOM) return false;
    // A train's segments are numbered anew where it is cut: only what cannot be a fragment may lose its number.
    if (family === 4 && (view.getUint16(at + 6) & 0xffff) !== DONT_FRAGMENT) return false;
    const flags = view.getUint8(at + ip + 13);
    if ((flags & ~TCP_FLAG.psh) !== TCP_FLAG.ack) return false;
    return family === 6 || fold(sumOf(view, at, ip)) === 0xffff;
  }

  /** The train of the same connection. */
  #find(at: number, family: 4 | 6): Open | undefined {
    if (this.#used === 0) return undefined;
    const { view } = this.#data;
    const from = family === 4 ? 12 : 8;
    const tcp = HEADER[family];
    for (const train of this.#trains) {
      if (train.packet < 0 || train.family !== family) continue;
      const first = train.packet;
      // Addresses and ports stand one after the other without options.
      let isSame = true;
      for (let word = from; word <= tcp; word += 4) {
        if (view.getInt32(at + word) !== view.getInt32(first + word)) {
          isSame = false;
          break;
        }
      }
      if (isSame) return train;
    }
    return undefined;
  }

  #append(train: Open, at: number, length: number, headerLength: number): boolean {
    const { view } = this.#data;
    const { packet, ip, family } = train;
    const payload = length - headerLength;
    if (train.isClosed || headerLength !== train.headerLength || payload > train.size) return false;
    if (train.segments >= MOST_SEGMENTS || train.length + payload > LONGEST) return false;
    // Type of service and time to live, or traffic class, flow label and hop limit.
    if (family === 4) {
      if (view.getUint8(at + 1) !== view.getUint8(packet + 1)) return false;
      if (view.getUint8(at + 8) !== view.getUint8(packet + 8)) return false;
    } else {
      if (view.getInt32(at) !== view.getInt32(packet)) return false;
      if (view.getUint8(at + 7) !== view.getUint8(packet + 7)) return false;
    }
    const [tcp, first] = [at + ip, packet + ip];
    if (view.getUint32(tcp + 4) !== train.next || view.getInt32(tcp + 8) !== view.getInt32(first + 8)) return false;
    // Window, flags but for PSH, and options.
    if (view.getUint16(tcp + 14) !== view.getUint16(first + 14)) return false;
    if (view.getUint16(tcp + 18) !== view.getUint16(first + 18)) return false;
    for (let option = 20; option < headerLength - ip; option += 4) {
      if (view.getInt32(tcp + option) !== view.getInt32(first + option)) return false;
    }
    train.vectors.push(this.#data.address + at + headerLength, payload);
    train.segments++;
    train.length += payload;
    train.next = (train.next + payload) >>> 0;
    train.hasPush = (view.getUint8(tcp + 13) & TCP_FLAG.psh) !== 0;
    train.isClosed = payload < train.size || train.hasPush;
    return true;
  }

  #begin(
    train: Open,
    { at, length, family, headerLength }: { at: number; length: number; family: 4 | 6; headerLength: number },
  ): void {
    const { view, bytes, address } = this.#data;
    const ip = HEADER[family];
    const payload = length - headerLength;
    Object.assign(train, { packet: at, family, ip, length, headerLength, size: payload, segments: 1 });
    train.next = (view.getUint32(at + ip + 4) + payload) >>> 0;
    train.hasPush = (view.getUint8(at + ip + 13) & TCP_FLAG.psh) !== 0;
    train.isClosed = train.hasPush;
    train.headers.bytes.fill(0, 0, VNET_HEADER);
    train.headers.bytes.set(bytes.subarray(at, at + headerLength), VNET_HEADER);
    train.vectors.count = 0;
    train.vectors.push(train.headers.address, VNET_HEADER + headerLength);
    train.vectors.push(address + at + headerLength, payload);
    this.#used++;
  }

  #leave(train: Open): void {
    if (train.segments > 1) this.#seal(train);
    this.#write(train.vectors);
    train.packet = -1;
    this.#used--;
  }

  /** Makes one packet of the first segment's headers. */
  #seal({ headers, family, ip, headerLength, size, segments, length, hasPush }: Open): void {
    const { view } = headers;
    writeTrain(view, 0, family, { ip, headers: headerLength, size, segments });
    if (family === 4) {
      view.setUint16(VNET_HEADER + 2, length);
      sealHeader(view, VNET_HEADER, ip);
    } else {
      view.setUint16(VNET_HEADER + 4, length - HEADER[6]);
    }
    const tcp = VNET_HEADER + ip;
    if (hasPush) view.setUint8(tcp + 13, view.getUint8(tcp + 13) | TCP_FLAG.psh);
    // As for every checksum that is still to be made: the sum over the pseudo header.
    view.setUint16(tcp + 16, fold(pseudoSum(view, VNET_HEADER, family, IPPROTO_TCP, length - ip)), true);
  }

  #free(): Open {
    const idle = this.#trains.find((train) => train.packet < 0);
    if (idle !== undefined) return idle;
    if (this.#trains.length < TRAINS) {
      const train: Open = {
        vectors: this.#makeVectors(1 + MOST_SEGMENTS),
        headers: this.#makeArena(HEADERS_ROOM),
        packet: -1,
        family: 4,
        ip: 0,
        length: 0,
        headerLength: 0,
        size: 0,
        segments: 0,
        next: 0,
        isClosed: false,
        hasPush: false,
      };
      this.#trains.push(train);
      return train;
    }
    this.flush();
    return this.#trains[0]!;
  }
}
