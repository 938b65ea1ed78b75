// Puts a train that came whole, in one datagram, into the device: as a train where the device takes them, else cut here.
import { type Arena, Arena as Memory, Vectors } from "#kernel/packets/io";
import { fold, protocolOf, pseudoSum } from "./checksum.ts";
import { HEADER } from "./fabric-table.ts";
import type { Write } from "./joiner.ts";
import { cutSegment, type Train, VNET_HEADER, writeTrain, writeUdpTrain } from "./vnet.ts";

const PROTOCOL = { tcp: 6, udp: 17 } as const;
const UDP_HEADER = 8;
const HEADERS_ROOM = 192;
/** Behind the headers of what is put in. */
const PAYLOAD_ROOM = 65_536;

export class TrainWriter {
  readonly #data: Arena;
  readonly #write: Write;
  readonly #isWhole: boolean;
  readonly #front = new Memory(16);
  readonly #vectors = new Vectors(2);
  /** Where a train is cut; made when there is one. */
  #room: Arena | undefined;

  /** @param isWhole the device takes trains */
  constructor(data: Arena, write: Write, isWhole: boolean) {
    this.#data = data;
    this.#write = write;
    this.#isWhole = isWhole;
  }

  /** @param size bytes of payload in each segment, as far as the kernel tells; 0: it does not. False: this is no train */
  put(at: number, length: number, family: 4 | 6, size: number, mtu: number): boolean {
    const { view } = this.#data;
    const ip = family === 4 ? (view.getUint8(at) & 0x0f) * 4 : HEADER[6];
    const protocol = protocolOf(view, at, family);
    if (family === 4 && (view.getUint16(at + 6) & 0x3fff) !== 0) return false;
    if (protocol === PROTOCOL.udp) return this.#putUdp(at, length, family, ip, size);
    if (protocol !== PROTOCOL.tcp || length < ip + 20) return false;
    const headers = ip + (view.getUint8(at + ip + 12) >>> 4) * 4;
    if (headers < ip + 20 || headers >= Math.min(length, mtu) || headers > HEADERS_ROOM) return false;
    const each = size > 0 ? Math.min(size, mtu - headers) : mtu - headers;
    const train = { ip, headers, size: each, segments: Math.ceil((length - headers) / each) };
    if (!this.#isWhole) {
      this.#cut(at, length, family, train);
      return true;
    }
    view.setUint16(at + ip + 16, fold(pseudoSum(view, at, family, protocol, length - ip)), true);
    writeTrain(this.#front.view, 0, family, train);
    this.#putWhole(at, length);
    return true;
  }

  /** Their size cannot be guessed. */
  #putUdp(at: number, length: number, family: 4 | 6, ip: number, size: number): boolean {
    if (!this.#isWhole || size === 0 || length < ip + UDP_HEADER) return false;
    const { view } = this.#data;
    view.setUint16(at + ip + 6, fold(pseudoSum(view, at, family, PROTOCOL.udp, length - ip)), true);
    writeUdpTrain(this.#front.view, 0, ip, size);
    this.#putWhole(at, length);
    return true;
  }

  #putWhole(at: number, length: number): void {
    this.#vectors.count = 0;
    this.#vectors.push(this.#front.address, VNET_HEADER);
    this.#vectors.push(this.#data.address + at, length);
    this.#write(this.#vectors);
  }

  #cut(at: number, length: number, family: 4 | 6, train: Train): void {
    this.#room ??= new Memory(PAYLOAD_ROOM + HEADERS_ROOM);
    const { bytes, view, address } = this.#room;
    bytes.set(this.#data.bytes.subarray(at, at + length), 0);
    for (let index = 0; index < train.segments; index++) {
      const payload = train.headers + index * train.size;
      const carried = Math.min(train.size, length - payload);
      cutSegment(bytes, view, { packet: 0, length, family }, train, index, PAYLOAD_ROOM);
      this.#vectors.count = 0;
      this.#vectors.push(address + PAYLOAD_ROOM, train.headers);
      this.#vectors.push(address + payload, carried);
      this.#write(this.#vectors);
    }
  }
}
