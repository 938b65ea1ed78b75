// What the worker knows of the fabric, and its judgement of packets that come from peers: the same as that of the BPF programs
// (bpf/tunnel.bpf.c, decap4 and check_source4), reason by reason. Pure.
import { DROP_REASONS, type DropReason } from "../datapath.ts";
import { type RawPrefix, SubnetTable } from "./subnets.ts";

/** A refusal is a negative number that names its reason. */
export function refusal(reason: DropReason): number {
  return -1 - DROP_REASONS.indexOf(reason);
}

/** Index of the reason in DROP_REASONS. */
export function reasonOf(answer: number): number {
  return -1 - answer;
}

const MALFORMED = refusal("malformed");
const NOT_A_PEER = refusal("not-a-peer");
const FORGED_SOURCE = refusal("forged-source");
const OTHER_DESTINATION = refusal("other-destination");

/** Where addresses are in headers of either family. */
const SOURCE_AT = { 4: 12, 6: 8 } as const;
export const DESTINATION_AT = { 4: 16, 6: 24 } as const;
export const HEADER = { 4: 20, 6: 40 } as const;

export class FabricTable {
  /** Slot of the peer that has a subnet. */
  readonly routes = { 4: new SubnetTable(1), 6: new SubnetTable(4) } as const;
  /** Slot of the peer at an address. */
  readonly endpoints = { 4: new SubnetTable(1), 6: new SubnetTable(4) } as const;
  /** This node's own subnet, under any number. */
  #own: Partial<Record<4 | 6, SubnetTable>> = {};

  setOwn(family: 4 | 6, subnet: RawPrefix | undefined): void {
    if (subnet === undefined) {
      delete this.#own[family];
      return;
    }
    const table = new SubnetTable(family === 4 ? 1 : 4);
    table.set(subnet.address, subnet.length, 0);
    this.#own[family] = table;
  }

  /**
   * The inner packet that a datagram of `length` bytes at `at` holds, from the peer in `slot` (-1: nobody's): its length, or
   * why it is not let in.
   */
  judge(view: DataView, at: number, length: number, family: 4 | 6, slot: number): number {
    if (length < HEADER[family] || view.getUint8(at) >>> 4 !== family) return MALFORMED;
    let inner: number;
    if (family === 4) {
      const header = (view.getUint8(at) & 0x0f) * 4;
      inner = view.getUint16(at + 2);
      if (header < HEADER[4] || inner < header) return MALFORMED;
    } else {
      inner = view.getUint16(at + 4) + HEADER[6];
    }
    if (inner > length) return MALFORMED;
    const owner = this.routes[family].find(view, at + SOURCE_AT[family]);
    if (owner >= 0) {
      if (owner !== slot) return FORGED_SOURCE;
    } else {
      if (slot < 0) return NOT_A_PEER;
      // Of no node: a host that forwards for others. But never one of ours.
      if (this.isOwn(view, at + SOURCE_AT[family], family)) return FORGED_SOURCE;
    }
    return this.isOwn(view, at + DESTINATION_AT[family], family) ? inner : OTHER_DESTINATION;
  }

  isOwn(view: DataView, at: number, family: 4 | 6): boolean {
    return (this.#own[family]?.find(view, at) ?? -1) >= 0;
  }
}
