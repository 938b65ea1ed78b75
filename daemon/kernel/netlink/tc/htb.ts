// Hierarchical token buckets: TCA_HTB_*, struct tc_htb_glob and tc_htb_opt of linux/pkt_sched.h, read by
// net/sched/sch_htb.c. The qdisc sorts packets into classes, each of which has a rate.
import type { AttrWriter, Attrs } from "../attr.ts";
import { headerView } from "../fields.ts";
import { RATESPEC_LENGTH, clamp32, needs64, readRateSpec, ticksOf, writeRateSpec } from "./rate.ts";

/** The qdisc. */
export interface Htb {
  readonly kind: "htb";
  /** Minor number of the class for what no filter sorts; 0 lets it pass unshaped. */
  readonly defaultClass: number;
}

/** One class. */
export interface HtbClass {
  /** Bytes per second. */
  readonly rate: bigint;
  /** Bytes per second that may be borrowed up to; absent in a request: `rate`. */
  readonly ceil?: bigint;
  /** Bytes. Reported as `buffer`. */
  readonly burst?: bigint;
  /** Reported only: the burst as ticks of 64 ns at `rate`. */
  readonly buffer?: bigint;
}

const TCA_HTB_PARMS = 1;
const TCA_HTB_INIT = 2;
const TCA_HTB_RATE64 = 6;
const TCA_HTB_CEIL64 = 7;

/** struct tc_htb_glob: u32 version, rate2quantum, default class, debug flags, direct packets. */
const GLOB_LENGTH = 20;
/** TC_HTB_PROTOVER */
const VERSION = 3;
/** tc(8)'s default of `r2q`. */
const RATE_TO_QUANTUM = 10;

/** struct tc_htb_opt: rate and ceil, then u32 buffer, cbuffer, quantum, level, priority. */
const BUFFER = 2 * RATESPEC_LENGTH;
const CBUFFER = BUFFER + 4;
const QUANTUM = CBUFFER + 4;
const OPT_LENGTH = BUFFER + 20;
/** Bytes a class may send in its turn: some full frames, whatever its rate. */
const QUANTUM_BYTES = 6000;

/** Writes the content of TCA_OPTIONS of the qdisc. */
export function writeHtb(writer: AttrWriter, { defaultClass }: Htb): void {
  const glob = new DataView(new ArrayBuffer(GLOB_LENGTH));
  glob.setUint32(0, VERSION, true);
  glob.setUint32(4, RATE_TO_QUANTUM, true);
  glob.setUint32(8, defaultClass, true);
  writer.bytes(TCA_HTB_INIT, new Uint8Array(glob.buffer));
}

/** @throws LodenError ERR_NETLINK_DECODE */
export function readHtb(attrs: Attrs): Htb | undefined {
  const value = attrs.get(TCA_HTB_INIT);
  if (value === undefined) return undefined;
  return { kind: "htb", defaultClass: headerView(value, GLOB_LENGTH, "tc_htb_glob").getUint32(8, true) };
}

/** Writes the content of TCA_OPTIONS of a class. */
export function writeHtbClass(writer: AttrWriter, { rate, ceil = rate, burst = 0n }: HtbClass): void {
  const options = new DataView(new ArrayBuffer(OPT_LENGTH));
  writeRateSpec(options, 0, rate);
  writeRateSpec(options, RATESPEC_LENGTH, ceil);
  options.setUint32(BUFFER, Number(clamp32(ticksOf(burst, rate))), true);
  options.setUint32(CBUFFER, Number(clamp32(ticksOf(burst, ceil))), true);
  options.setUint32(QUANTUM, QUANTUM_BYTES, true);
  if (needs64(rate)) writer.u64(TCA_HTB_RATE64, rate);
  if (needs64(ceil)) writer.u64(TCA_HTB_CEIL64, ceil);
  writer.bytes(TCA_HTB_PARMS, new Uint8Array(options.buffer));
}

/** @throws LodenError ERR_NETLINK_DECODE */
export function readHtbClass(attrs: Attrs): HtbClass | undefined {
  const value = attrs.get(TCA_HTB_PARMS);
  if (value === undefined) return undefined;
  const options = headerView(value, OPT_LENGTH, "tc_htb_opt");
  return {
    rate: attrs.u64(TCA_HTB_RATE64) ?? readRateSpec(options, 0),
    ceil: attrs.u64(TCA_HTB_CEIL64) ?? readRateSpec(options, RATESPEC_LENGTH),
    buffer: BigInt(options.getUint32(BUFFER, true)),
  };
}
