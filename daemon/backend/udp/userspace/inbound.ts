// From the peers to the TUN device: takes what has come, a train at a time where the kernel has joined datagrams, judges every
// inner packet, joins TCP segments, and puts them into the device.
import type { Incoming } from "#kernel/packets/io";
import { DATAGRAM_ROOM, NAME_SIZE } from "#kernel/packets/io";
import { makeSound } from "./checksum.ts";
import { COUNT, type Counters } from "./counters.ts";
import { type FabricTable, reasonOf } from "./fabric-table.ts";

/** Of the address in sockaddr_in and sockaddr_in6. */
const ADDRESS_AT = { 4: 4, 6: 8 } as const;

export interface InboundParts {
  readonly table: FabricTable;
  readonly counters: Counters;
  readonly incoming: Incoming;
  /** Puts a packet of this many bytes at this place in memory into the device. */
  readonly deliver: (at: number, length: number) => void;
  /** Puts in a packet that is longer than the device's MTU, which is a train. False: it cannot be one. */
  readonly putTrain: { put(at: number, length: number, family: 4 | 6, size: number, mtu: number): boolean };
  /** Absent: packets are not joined. */
  readonly joiner?: { take(at: number, length: number, family: 4 | 6, isSound: boolean): boolean; flush(): void };
}

export class Inbound {
  readonly #parts: InboundParts;
  /** Of the device. */
  mtu = 65_535;

  constructor(parts: InboundParts) {
    this.#parts = parts;
  }

  /** Carries what has come to the socket, up to a batch: 0, or -errno when there was nothing. */
  run(socket: number, family: 4 | 6): number {
    const { incoming, table, joiner } = this.#parts;
    const count = incoming.receive(socket);
    if (count < 0) return count;
    for (let index = 0; index < count; index++) {
      const slot = table.endpoints[family].find(incoming.names, index * NAME_SIZE + ADDRESS_AT[family]);
      const at = index * DATAGRAM_ROOM;
      const end = at + incoming.length(index);
      const size = incoming.segmentSize(index) || end - at;
      if (end - at > this.mtu && this.#takeTrain(at, end - at, family, slot, size)) continue;
      let here = at;
      // A datagram may be empty; a train has no such end.
      do {
        this.take(here, Math.min(size, end - here), family, slot);
        here += size;
      } while (here < end);
    }
    joiner?.flush();
    return 0;
  }

  /**
   * A train that another kernel put into one datagram (bpf/tunnel.bpf.c) and that nobody had to cut on the way, as between
   * network namespaces: it bears no checksum yet. One that the kernel joined of many datagrams is none.
   */
  #takeTrain(at: number, length: number, family: 4 | 6, slot: number, size: number): boolean {
    const { incoming, table, counters, putTrain } = this.#parts;
    const inner = table.judge(incoming.data.view, at, length, family, slot);
    if (inner <= Math.max(size < length ? size : 0, this.mtu)) return false;
    if (!putTrain.put(at, inner, family, size < length ? size : 0, this.mtu)) return false;
    counters.count(slot, COUNT.received, Math.ceil(inner / this.mtu), inner);
    return true;
  }

  /** Takes one datagram from the peer in `slot`. */
  take(at: number, length: number, family: 4 | 6, slot: number): void {
    const { incoming, table, counters, joiner, deliver } = this.#parts;
    const inner = table.judge(incoming.data.view, at, length, family, slot);
    if (inner < 0) {
      counters.drop(slot, COUNT.received, reasonOf(inner));
      return;
    }
    counters.count(slot, COUNT.received, 1, inner);
    const isSound = makeSound(incoming.data.view, at, inner, family);
    if (joiner?.take(at, inner, family, isSound) !== true) deliver(at, inner);
  }
}
