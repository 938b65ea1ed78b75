// Rates and the times that go with them: struct tc_ratespec of linux/pkt_sched.h and the clock of include/net/pkt_sched.h.

/** Nanoseconds of a tick of the packet scheduler (PSCHED_SHIFT 6). */
const TICK_NS = 64n;
const SECOND_NS = 1_000_000_000n;
const U32_MAX = 0xffff_ffffn;

/** sizeof(struct tc_ratespec): u8 cell_log, u8 link layer, u16 overhead, i16 cell_align, u16 mpu, u32 rate. */
export const RATESPEC_LENGTH = 12;
/** TC_LINKLAYER_ETHERNET: sizes as they are, and no table of times has to be sent along. */
const LINKLAYER_ETHERNET = 1;
/** What tc(8) says for frames of up to 2047 bytes; the kernel works without since 3.8. */
const CELL_LOG = 3;

/** Writes a rate in bytes per second; one beyond 32 bits also needs an attribute of its own. */
export function writeRateSpec(view: DataView, offset: number, rate: bigint): void {
  view.setUint8(offset, CELL_LOG);
  view.setUint8(offset + 1, LINKLAYER_ETHERNET);
  view.setInt16(offset + 4, -1, true);
  view.setUint32(offset + 8, Number(clamp32(rate)), true);
}

export function readRateSpec(view: DataView, offset: number): bigint {
  return BigInt(view.getUint32(offset + 8, true));
}

/** Whether a rate needs the attribute for 64 bits. */
export function needs64(rate: bigint): boolean {
  return rate > U32_MAX;
}

/** The largest that 32 bits hold, for what is more. */
export function clamp32(value: bigint): bigint {
  return value > U32_MAX ? U32_MAX : value;
}

/** Ticks that `bytes` take at `rate` bytes per second. */
export function ticksOf(bytes: bigint, rate: bigint): bigint {
  return rate === 0n ? 0n : (bytes * SECOND_NS) / rate / TICK_NS;
}
