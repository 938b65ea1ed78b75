// tuning's configuration: what the interface and its namespace are to have. A later source of an option wins: configuration,
// CNI_ARGS, runtimeConfig, args.cni.
import type { Mac } from "#kernel/ip/mac";
import { readText } from "#kernel/files";
import type { Sys } from "#kernel/sys";
import { sourceOf, type NetworkConfig } from "../../config.ts";
import { failure, inContext, invalidConfig } from "../../error.ts";
import { isObject, wrongType, type Fields } from "../../fields.ts";
import { argumentMac, runtimeMac } from "../../interface/options.ts";
import { duplicateKeyIn } from "./duplicates.ts";

export interface TuningConfig {
  /** Values by the keys as they are written. */
  readonly sysctl: ReadonlyMap<string, string>;
  readonly mac: Mac | undefined;
  /** True switches it on; false leaves it. */
  readonly promisc: boolean;
  readonly mtu: number | undefined;
  readonly allmulti: boolean | undefined;
  readonly txQLen: number | undefined;
}

const DEFAULT_DIRECTORY = "/run/cni/tuning";
/** One regular expression a line; without the file everything below net/ is allowed. */
export const ALLOWLIST = "/etc/cni/tuning/allowlist.conf";
const U32_MAX = 0xffff_ffff;
const MTU_BOUNDS = { min: 0, max: 0x7fff_ffff };
const QUEUE_BOUNDS = { min: 0, max: U32_MAX };

/** Where what was before is kept. Read apart: DEL needs nothing else. */
export function dataDirectory({ fields }: NetworkConfig): string {
  return fields.string("dataDir") || DEFAULT_DIRECTORY;
}

/** @throws CniError 6, 7, or 999 (CNI_ARGS) */
export function tuningConfig(config: NetworkConfig, args: string): TuningConfig {
  const { fields, document } = config;
  const source = sourceOf(document);
  const twice = source === undefined ? undefined : duplicateKeyIn(source, "sysctl");
  if (twice !== undefined) throw invalidConfig("duplicated sysctl keys are not allowed", `sysctl has ${twice} twice`);
  const asked = fields.object("args")?.object("cni");
  const sysctl = new Map([...readSysctls(fields), ...(asked === undefined ? [] : readSysctls(asked))]);
  const mtu = asked?.integer("mtu", MTU_BOUNDS) ?? fields.integer("mtu", MTU_BOUNDS);
  return {
    sysctl,
    mac: asked?.mac("mac") ?? runtimeMac(fields) ?? argumentMac(args) ?? fields.mac("mac"),
    promisc: asked?.boolean("promisc") ?? fields.boolean("promisc") ?? false,
    mtu: mtu === 0 ? undefined : mtu,
    allmulti: asked?.boolean("allmulti") ?? fields.boolean("allmulti"),
    txQLen: asked?.integer("txQLen", QUEUE_BOUNDS) ?? fields.integer("txQLen", QUEUE_BOUNDS),
  };
}

/** Keys of this map keep their case. */
function readSysctls(fields: Fields): [string, string][] {
  const value = fields.raw("sysctl");
  if (value === undefined) return [];
  const where = fields.path("sysctl");
  if (!isObject(value)) return wrongType(where, value, "an object");
  return Object.entries(value).map(([key, text]) => [
    key,
    typeof text === "string" ? text : wrongType(`${where}.${key}`, text, "a string"),
  ]);
}

/**
 * The path of a sysctl below /proc/sys: dots are slashes, and the first IFNAME is the interface.
 * @throws CniError 7 for one that is not the namespace's own
 */
export function sysctlPathOf(key: string, ifname: string): string {
  const parts = key
    .replaceAll(".", "/")
    .split("/")
    .filter((part) => part !== "");
  const path = parts.join("/").replace("IFNAME", () => ifname);
  const isOwn = parts.length > 1 && parts[0] === "net" && !path.includes("\0") && !path.split("/").includes("..");
  if (isOwn && !ifname.includes("/")) return path;
  throw invalidConfig(`invalid net sysctl key: ${JSON.stringify(key)}`, "only keys below net/ are the container's own");
}

/** @throws CniError 999 for a sysctl that the administrator's list does not allow */
export function requireAllowed(sys: Sys, { sysctl }: TuningConfig): void {
  if (sysctl.size === 0) return;
  const text = readText(sys, ALLOWLIST);
  if (text === undefined) return;
  const lines = text.split("\n").flatMap((line) => line.trim() || []);
  const patterns = lines.map(asPattern);
  for (const key of sysctl.keys()) {
    if (patterns.some((pattern) => pattern.test(key))) continue;
    throw failure(
      `Sysctl ${key} is not allowed. Only the following sysctls are allowed: [${lines.join(" ")}] (${ALLOWLIST})`,
    );
  }
}

function asPattern(line: string): RegExp {
  try {
    return new RegExp(line);
  } catch (error) {
    throw inContext(`${ALLOWLIST} has ${JSON.stringify(line)}, which is no regular expression`, error);
  }
}
