// bandwidth's configuration: limits for both directions, from the configuration itself or from the runtime.
import { Prefix } from "#kernel/ip/prefix";
import type { NetworkConfig } from "../../config.ts";
import { invalidConfig } from "../../error.ts";
import type { Fields } from "../../fields.ts";

/** A limit of one direction. */
export interface Limit {
  /** Bytes per second. */
  readonly rate: bigint;
  /** Bytes. */
  readonly burst: bigint;
}

/** Which remote addresses the limits are for. */
export interface SubnetChoice {
  /** Whether those in the list are limited, or all others. */
  readonly shaped: boolean;
  readonly subnets: readonly Prefix[];
}

export interface BandwidthConfig {
  /** Of what goes to the container. */
  readonly ingress: Limit | undefined;
  /** Of what comes from it. */
  readonly egress: Limit | undefined;
  /** Undefined: the limits are for everything. */
  readonly choice: SubnetChoice | undefined;
}

const BITS = 8n;
/** Bytes: what the kernel's structures hold. */
const BURST_LIMIT = 0xffff_ffffn;
const KEYS = ["ingressRate", "ingressBurst", "egressRate", "egressBurst", "shapedSubnets", "unshapedSubnets"] as const;

/** @throws CniError 6 or 7 */
export function bandwidthConfig({ fields }: NetworkConfig): BandwidthConfig {
  const runtime = fields.object("runtimeConfig")?.object("bandwidth");
  // Any key beside the others puts the runtime's wishes out of force as a whole.
  const source = KEYS.some((key) => fields.has(key)) ? fields : runtime;
  if (source === undefined) return { ingress: undefined, egress: undefined, choice: undefined };
  return {
    ingress: readLimit(source, "ingressRate", "ingressBurst"),
    egress: readLimit(source, "egressRate", "egressBurst"),
    choice: readChoice(source),
  };
}

function readLimit(fields: Fields, rateKey: string, burstKey: string): Limit | undefined {
  const bounds = { min: 0, max: Number.MAX_SAFE_INTEGER };
  const rate = BigInt(fields.integer(rateKey, bounds) ?? 0);
  const burst = BigInt(fields.integer(burstKey, bounds) ?? 0);
  const details = `${fields.path(rateKey)} is ${rate}, ${fields.path(burstKey)} is ${burst}`;
  if (burst === 0n && rate !== 0n) throw invalidConfig("if rate is set, burst must also be set", details);
  if (rate === 0n && burst !== 0n) throw invalidConfig("if burst is set, rate must also be set", details);
  if (burst / BITS >= BURST_LIMIT) throw invalidConfig("burst cannot be more than 4GB", details);
  if (rate === 0n) return undefined;
  // The kernel takes no rate and no burst of zero.
  const atLeastOne = (bits: bigint): bigint => (bits < BITS ? 1n : bits / BITS);
  return { rate: atLeastOne(rate), burst: atLeastOne(burst) };
}

function readChoice(fields: Fields): SubnetChoice | undefined {
  const [shaped, unshaped] = [readSubnets(fields, "shapedSubnets"), readSubnets(fields, "unshapedSubnets")];
  if (shaped.length > 0 && unshaped.length > 0) {
    throw invalidConfig("unshapedSubnets and shapedSubnets cannot be both specified, one of them should be discarded");
  }
  if (shaped.length > 0) return { shaped: true, subnets: shaped };
  return unshaped.length > 0 ? { shaped: false, subnets: unshaped } : undefined;
}

function readSubnets(fields: Fields, key: "shapedSubnets" | "unshapedSubnets"): readonly Prefix[] {
  return (fields.strings(key) ?? []).map((text) => {
    const subnet = Prefix.tryParse(text);
    if (subnet !== undefined) return subnet.masked;
    throw invalidConfig(`bad subnet ${JSON.stringify(text)} provided`, `${fields.path(key)} is a list of prefixes`);
  });
}
