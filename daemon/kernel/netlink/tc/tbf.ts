// The token bucket filter: TCA_TBF_* and struct tc_tbf_qopt of linux/pkt_sched.h, read by net/sched/sch_tbf.c.
import type { AttrWriter, Attrs } from "../attr.ts";
import { headerView } from "../fields.ts";
import { RATESPEC_LENGTH, clamp32, needs64, readRateSpec, ticksOf, writeRateSpec } from "./rate.ts";

/** One bucket: what is sent may exceed `rate` by `burst` bytes, and waits in a queue of `limit` bytes. */
export interface Tbf {
  readonly kind: "tbf";
  /** Bytes per second. */
  readonly rate: bigint;
  /** Bytes. Not reported: see `buffer`. */
  readonly burst?: bigint;
  /** Bytes, up to 32 bits. */
  readonly limit: bigint;
  /** Reported only: the burst as ticks of 64 ns at `rate`, its lowest 32 bits. */
  readonly buffer?: bigint;
}

const TCA_TBF_PARMS = 1;
const TCA_TBF_RATE64 = 4;
const TCA_TBF_BURST = 6;

/** struct tc_tbf_qopt: rate and peak rate, then u32 limit, buffer and mtu. */
const LIMIT = 2 * RATESPEC_LENGTH;
const BUFFER = LIMIT + 4;
const QOPT_LENGTH = LIMIT + 12;

/** Writes the content of TCA_OPTIONS. */
export function writeTbf(writer: AttrWriter, { rate, burst = 0n, limit }: Tbf): void {
  const options = new DataView(new ArrayBuffer(QOPT_LENGTH));
  writeRateSpec(options, 0, rate);
  options.setUint32(LIMIT, Number(clamp32(limit)), true);
  // A burst in ticks overflows for large bursts at small rates: the kernel goes by the attribute instead.
  options.setUint32(BUFFER, Number(clamp32(ticksOf(burst, rate))), true);
  writer.bytes(TCA_TBF_PARMS, new Uint8Array(options.buffer));
  writer.u32(TCA_TBF_BURST, Number(clamp32(burst)));
  if (needs64(rate)) writer.u64(TCA_TBF_RATE64, rate);
}

/** @throws LodenError ERR_NETLINK_DECODE */
export function readTbf(attrs: Attrs): Tbf | undefined {
  const value = attrs.get(TCA_TBF_PARMS);
  if (value === undefined) return undefined;
  const options = headerView(value, QOPT_LENGTH, "tc_tbf_qopt");
  const burst = attrs.u32(TCA_TBF_BURST);
  return {
    kind: "tbf",
    rate: attrs.u64(TCA_TBF_RATE64) ?? readRateSpec(options, 0),
    limit: BigInt(options.getUint32(LIMIT, true)),
    buffer: BigInt(options.getUint32(BUFFER, true)),
    ...(burst === undefined ? {} : { burst: BigInt(burst) }),
  };
}
