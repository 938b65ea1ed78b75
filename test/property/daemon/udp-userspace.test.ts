// The userspace data path's packet functions with any bytes: nothing throws, nothing is let in that should not be, what is cut
// is what was there, and what is joined comes out of the cutting again.
import { array, assert, bigInt, boolean, constantFrom, integer, nat, property, record, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { Arena, Incoming, Outgoing, Vectors } from "#kernel/packets/io";
import { fold, makeSound, pseudoSum, sealHeader, sumOf } from "../../../daemon/backend/udp/userspace/checksum.ts";
import { complain } from "../../../daemon/backend/udp/userspace/complaint.ts";
import { Counters, countersMemory } from "../../../daemon/backend/udp/userspace/counters.ts";
import { FabricTable } from "../../../daemon/backend/udp/userspace/fabric-table.ts";
import { Inbound } from "../../../daemon/backend/udp/userspace/inbound.ts";
import { Joiner } from "../../../daemon/backend/udp/userspace/joiner.ts";
import { Outbound } from "../../../daemon/backend/udp/userspace/outbound.ts";
import { rawPrefix, SubnetTable } from "../../../daemon/backend/udp/userspace/subnets.ts";
import { completeChecksum, cutSegment, readTrain, VNET_HEADER } from "../../../daemon/backend/udp/userspace/vnet.ts";

const families = [4, 6] as const;
const makers = { vectors: (count: number) => new Vectors(count), arena: (size: number) => new Arena(size) };

const OWN = { 4: Prefix.parse("10.5.1.0/24"), 6: Prefix.parse("fd00:5:1::/64") } as const;
const PEER = { 4: Prefix.parse("10.5.2.0/24"), 6: Prefix.parse("fd00:5:2::/64") } as const;
const OTHER = { 4: Prefix.parse("10.5.3.0/24"), 6: Prefix.parse("fd00:5:3::/64") } as const;

function makeTable(): FabricTable {
  const table = new FabricTable();
  for (const family of families) {
    table.setOwn(family, rawPrefix(OWN[family]));
    for (const [slot, prefix] of [PEER[family], OTHER[family]].entries()) {
      const { address, length } = rawPrefix(prefix);
      table.routes[family].set(address, length, slot);
    }
  }
  return table;
}

/** A TCP segment with right checksums. */
interface Segment {
  readonly family: 4 | 6;
  readonly port: number;
  readonly seq: number;
  readonly payload: Uint8Array;
  readonly flags: number;
  readonly options: number;
}

function segment({ family, port, seq, payload, flags, options }: Segment): Uint8Array {
  const ip = family === 4 ? 20 : 40;
  const tcp = 20 + options * 4;
  const bytes = new Uint8Array(ip + tcp + payload.length);
  const view = new DataView(bytes.buffer);
  const [from, to] = [PEER[family].first.add(9).toBytes(), OWN[family].first.add(7).toBytes()];
  if (family === 4) {
    bytes[0] = 0x45;
    view.setUint16(2, bytes.length);
    view.setUint16(6, 0x4000);
    bytes[8] = 64;
    bytes[9] = 6;
    bytes.set(from, 12);
    bytes.set(to, 16);
    sealHeader(view, 0, 20);
  } else {
    bytes[0] = 0x60;
    view.setUint16(4, bytes.length - 40);
    bytes[6] = 6;
    bytes[7] = 64;
    bytes.set(from, 8);
    bytes.set(to, 24);
  }
  view.setUint16(ip, port);
  view.setUint16(ip + 2, 80);
  view.setUint32(ip + 4, seq);
  bytes[ip + 12] = (tcp / 4) << 4;
  bytes[ip + 13] = flags;
  view.setUint16(ip + 14, 500);
  bytes.fill(1, ip + 20, ip + tcp);
  bytes.set(payload, ip + tcp);
  const size = tcp + payload.length;
  view.setUint16(ip + 16, ~fold(pseudoSum(view, 0, family, 6, size) + sumOf(view, ip, size)) & 0xffff, true);
  return bytes;
}

const anySegment = record({
  family: constantFrom(...families),
  port: integer({ min: 1, max: 3 }),
  size: constantFrom(0, 1, 7, 100, 100, 100),
  flags: constantFrom(0x10, 0x10, 0x10, 0x18, 0x11, 0x02, 0x14),
  options: constantFrom(0, 3),
  gap: constantFrom(0, 0, 0, 0, 5),
  spoil: constantFrom(-1, -1, -1, -1, 20, 45, 70),
});

/** Reads the vectors' bytes of a packet that was put into the device. */
function gather(vectors: Vectors, arenas: readonly Arena[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let index = 0; index < vectors.count; index++) {
    const [address, length] = [vectors.valueOf(index), vectors.lengthOf(index)];
    const arena = arenas.find((each) => address >= each.address && address < each.address + each.bytes.length)!;
    parts.push(arena.bytes.slice(address - arena.address, address - arena.address + length));
  }
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe("packets from peers", () => {
  test("any bytes are judged without a throw, and only what fits gets in", () => {
    const table = makeTable();
    const isIn = (prefix: Prefix, bytes: Uint8Array): boolean => prefix.contains(Address.fromBytes(bytes.slice()));
    const check = (bytes: Uint8Array, slot: number, family: 4 | 6): void => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const answer = table.judge(view, 0, bytes.length, family, slot);
      if (answer < 0) return;
      const [source, target, width] = family === 4 ? [12, 16, 4] : [8, 24, 16];
      expect(answer).toBeLessThanOrEqual(bytes.length);
      expect(bytes[0]! >>> 4).toBe(family);
      expect(isIn(OWN[family], bytes.subarray(target, target + width))).toBe(true);
      const from = bytes.subarray(source, source + width);
      expect(isIn(OWN[family], from)).toBe(false);
      if (isIn(PEER[family], from)) expect(slot).toBe(0);
      else if (isIn(OTHER[family], from)) expect(slot).toBe(1);
      else expect(slot).toBeGreaterThanOrEqual(0);
    };
    assert(
      property(
        uint8Array({ maxLength: 80 }),
        integer({ min: -1, max: 1 }),
        constantFrom(...families),
        boolean(),
        boolean(),
        (bytes, slot, family, isTargeted, isSourced) => {
          // Random addresses never fit.
          const [source, target] = family === 4 ? [12, 16] : [8, 24];
          const [own, peer] = [OWN[family].first.add(7).toBytes(), PEER[family].first.add(1).toBytes()];
          if (bytes.length > 0 && isTargeted) bytes[0] = family === 4 ? 0x45 : 0x60;
          if (isTargeted && bytes.length >= target + own.length) bytes.set(own, target);
          if (isSourced && bytes.length >= source + peer.length) bytes.set(peer, source);
          check(bytes, slot, family);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test("trains hold what came, in order, with right checksums once they are cut; and the rest goes as it came", () => {
    const data = new Arena(65_536);
    assert(
      property(array(anySegment, { minLength: 1, maxLength: 40 }), (wanted) => {
        const headers: Arena[] = [];
        const out: Uint8Array[] = [];
        const joiner = new Joiner(data, (vectors) => out.push(gather(vectors, [data, ...headers])), {
          vectors: makers.vectors,
          arena: (size) => {
            const made = new Arena(size);
            headers.push(made);
            return made;
          },
        });
        const next = new Map<string, number>();
        const came: Uint8Array[] = [];
        let at = 0;
        for (const { family, port, size, flags, options, gap, spoil } of wanted) {
          const flow = `${family} ${port}`;
          const seq = ((next.get(flow) ?? 0xffff_ff00) + gap) >>> 0;
          next.set(flow, (seq + size) >>> 0);
          const payload = Uint8Array.from({ length: size }, (_, index) => (seq + index) & 0xff);
          const bytes = segment({ family, port, seq, payload, flags, options });
          if (spoil >= 0 && spoil < bytes.length) bytes[spoil] = bytes[spoil]! ^ 0x5a;
          came.push(bytes.slice());
          data.bytes.set(bytes, at);
          const isSound = makeSound(data.view, at, bytes.length, family);
          if (!joiner.take(at, bytes.length, family, isSound)) {
            out.push(Uint8Array.from([...new Uint8Array(VNET_HEADER), ...data.bytes.slice(at, at + bytes.length)]));
          }
          at += bytes.length;
        }
        joiner.flush();
        const flowOf = (bytes: Uint8Array): string => {
          const ip = bytes[0]! >>> 4 === 4 ? 20 : 40;
          return `${bytes[0]! >>> 4} ${bytes.subarray(ip === 20 ? 12 : 8, ip + 4).join()}`;
        };
        const cut = out.flatMap(cutWhole);
        expect(cut).toHaveLength(came.length);
        for (const [flow, group] of Map.groupBy(came, flowOf)) {
          const got = cut.filter((bytes) => flowOf(bytes) === flow);
          expect(got.map(normal)).toEqual(group.map(normal));
        }
        for (const arena of headers) arena[Symbol.dispose]();
      }),
      { numRuns: 300 },
    );
    data[Symbol.dispose]();
  });
});

/** Without IP numbers, which a train has one of, and what hangs on them. */
function normal(bytes: Uint8Array): string {
  const copy = bytes.slice();
  const ip = copy[0]! >>> 4 === 4 ? 20 : 40;
  if (ip === 20) copy.fill(0, 4, 6).fill(0, 10, 12);
  return [...copy].join();
}

/** What the kernel makes of what is put into the device: the packets that arrive. */
function cutWhole(written: Uint8Array): Uint8Array[] {
  const room = new Uint8Array(written.length + 256);
  room.set(written);
  const view = new DataView(room.buffer);
  const length = written.length - VNET_HEADER;
  const family = room[VNET_HEADER]! >>> 4 === 6 ? 6 : 4;
  const train = readTrain(view, 0, length, family);
  if (train === undefined || train === false) return [written.slice(VNET_HEADER)];
  return Array.from({ length: train.segments }, (_, index) => {
    cutSegment(room, view, { packet: VNET_HEADER, length, family }, train, index, written.length);
    const payload = VNET_HEADER + train.headers + index * train.size;
    const carried = Math.min(train.size, written.length - payload);
    const bytes = Uint8Array.from([
      ...room.subarray(written.length, written.length + train.headers),
      ...room.subarray(payload, payload + carried),
    ]);
    expect(makeSound(new DataView(bytes.buffer), 0, bytes.length, family)).toBe(true);
    return bytes;
  });
}

describe("packets from the device", () => {
  test("any bytes with any header in front are carried or counted, and never throw", () => {
    const table = makeTable();
    const counters = new Counters(countersMemory());
    const vectors = new Vectors(2_048);
    const answers: Uint8Array[] = [];
    const data = new Arena(Outbound.memory(2_048, 128 * 1024));
    const outbound = new Outbound({
      table,
      counters,
      offloads: { batch: true, segment: true, receive: true, device: true },
      peers: [0, 1].map(() => ({ family: 4, name: new Uint8Array(16), isSingle: false })),
      data,
      outgoing: { 4: new Outgoing(64, vectors), 6: new Outgoing(64, new Vectors(2_048)) },
      answer: (packet) => answers.push(packet),
      pathMtu: () => 1400,
      now: () => 0,
    });
    assert(
      property(
        uint8Array({ minLength: VNET_HEADER, maxLength: VNET_HEADER }),
        uint8Array({ maxLength: 200 }),
        constantFrom(4, 6, 0),
        boolean(),
        (vnet, packet, version, isRouted) => {
          const at = 64;
          if (packet.length > 0 && version !== 0) packet[0] = version === 4 ? 0x45 : 0x60;
          const to = version === 6 ? PEER[6].first.toBytes() : PEER[4].first.toBytes();
          const where = version === 6 ? 24 : 16;
          if (isRouted && packet.length >= where + to.length) packet.set(to, where);
          data.bytes.set(vnet, at - VNET_HEADER);
          data.bytes.set(packet, at);
          outbound.take(at, packet.length, {});
          outbound.flush({});
        },
      ),
      { numRuns: 5_000 },
    );
    for (const answer of answers) expect([1, 58]).toContain(answer[0]! >>> 4 === 4 ? answer[9] : answer[6]);
    data[Symbol.dispose]();
  });

  test("a checksum that is made is right, and one that others made stays", () => {
    assert(
      property(
        uint8Array({ minLength: 1, maxLength: 200 }),
        constantFrom(...families),
        boolean(),
        (payload, family, isDone) => {
          const bytes = segment({ family, port: 9, seq: 1, payload, flags: 0x10, options: 0 });
          const before = bytes.slice();
          const view = new DataView(bytes.buffer);
          const ip = family === 4 ? 20 : 40;
          // As a sender leaves it to its card.
          if (!isDone) view.setUint16(ip + 16, fold(pseudoSum(view, 0, family, 6, bytes.length - ip)), true);
          expect(makeSound(view, 0, bytes.length, family)).toBe(true);
          expect([...bytes]).toEqual([...before]);
          const whole = new Uint8Array(VNET_HEADER + bytes.length);
          whole.set(bytes, VNET_HEADER);
          const wholeView = new DataView(whole.buffer);
          wholeView.setUint8(0, 1);
          wholeView.setUint16(6, ip, true);
          wholeView.setUint16(8, 16, true);
          wholeView.setUint16(VNET_HEADER + ip + 16, fold(pseudoSum(view, 0, family, 6, bytes.length - ip)), true);
          expect(completeChecksum(wholeView, 0, bytes.length)).toBe(true);
          expect([...whole.subarray(VNET_HEADER)]).toEqual([...before]);
        },
      ),
    );
  });

  test("complaints are whole, go to who sent, and quote what they are about", () => {
    assert(
      property(
        uint8Array({ minLength: 0, maxLength: 120 }),
        constantFrom(...families),
        nat(9_000),
        (bytes, family, mtu) => {
          if (bytes.length > 0) bytes[0] = family === 4 ? 0x45 : 0x60;
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
          const answer = complain(view, 0, bytes.length, family, mtu % 2 === 0 ? "unreachable" : { mtu });
          if (answer === undefined) return;
          const out = new DataView(answer.buffer);
          const ip = family === 4 ? 20 : 40;
          const size = answer.length - ip;
          const pseudo = family === 4 ? 0 : pseudoSum(out, 0, 6, 58, size);
          expect(fold(pseudo + sumOf(out, ip, size))).toBe(0xffff);
          if (family === 4) expect(fold(sumOf(out, 0, 20))).toBe(0xffff);
          expect([...answer.subarray(ip + 8)]).toEqual([...bytes.subarray(0, answer.length - ip - 8)]);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

test("the longest prefix wins, whatever was put in and taken out in whatever order", () => {
  const family = constantFrom(...families);
  const step = record({
    address: bigInt({ min: 0n, max: 255n }),
    length: integer({ min: 0, max: 32 }),
    isPut: boolean(),
  });
  assert(
    property(family, array(step, { maxLength: 30 }), (of, steps) => {
      const table = new SubnetTable(of === 4 ? 1 : 4);
      const model = new Map<string, { prefix: Prefix; value: number }>();
      const bits = of === 4 ? 32 : 128;
      const base = Address.parse(of === 4 ? "10.0.0.0" : "fd00::");
      for (const [index, { address, length, isPut }] of steps.entries()) {
        const prefix = Prefix.of(Address.fromBigInt(of, base.value | (address << BigInt(bits - 32))), length).masked;
        const raw = rawPrefix(prefix);
        if (isPut) {
          table.set(raw.address, raw.length, index);
          model.set(prefix.toString(), { prefix, value: index });
        } else {
          table.delete(raw.address, raw.length);
          model.delete(prefix.toString());
        }
      }
      for (let probe = 0n; probe < 256n; probe += 17n) {
        const address = Address.fromBigInt(of, base.value | (probe << BigInt(bits - 32)));
        const fits = [...model.values()].filter(({ prefix }) => prefix.contains(address));
        const best = fits.toSorted((a, b) => b.prefix.length - a.prefix.length)[0];
        const bytes = address.toBytes();
        expect(table.find(new DataView(bytes.buffer, bytes.byteOffset), 0)).toBe(best?.value ?? -1);
      }
    }),
  );
});

test("a batch of any datagrams is taken", () => {
  const table = makeTable();
  const counters = new Counters(countersMemory());
  const incoming = new Incoming(4);
  const delivered: number[] = [];
  const joiner = new Joiner(incoming.data, () => undefined, makers);
  const inbound = new Inbound({
    table,
    counters,
    incoming,
    deliver: (_, length) => delivered.push(length),
    putTrain: { put: () => false },
    joiner,
  });
  assert(
    property(
      uint8Array({ maxLength: 300 }),
      constantFrom(...families),
      integer({ min: -1, max: 1 }),
      (bytes, family, slot) => {
        incoming.data.bytes.set(bytes, 0);
        inbound.take(0, bytes.length, family, slot);
        joiner.flush();
      },
    ),
    { numRuns: 2_000 },
  );
  expect(delivered).toEqual([]);
});
