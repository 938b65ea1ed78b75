// Options that several interface plugins have, read alike.
import { Mac } from "#kernel/ip/mac";
import { readArguments } from "../arguments.ts";
import { failure, invalidConfig } from "../error.ts";
import type { Fields } from "../fields.ts";
import { MASQUERADE_BACKENDS, type MasqueradeBackend } from "../rules/masquerade.ts";

/** ETH_MAX_MTU of linux/if_ether.h; 0 leaves it to the kernel. */
export const MTU_BOUNDS = { min: 0, max: 65_535 } as const;

/** @throws CniError 7 for a backend nobody knows */
export function readMasqueradeBackend(fields: Fields): MasqueradeBackend | undefined {
  const text = fields.string("ipMasqBackend") || undefined;
  if (text === undefined) return undefined;
  const backend = MASQUERADE_BACKENDS.find((name) => name === text);
  if (backend !== undefined) return backend;
  throw invalidConfig(`unknown ipmasq backend ${JSON.stringify(text)}: ipMasqBackend is "nftables" or "iptables"`);
}

/** `MAC` of CNI_ARGS. @throws CniError 999 */
export function argumentMac(args: string): Mac | undefined {
  const text = readArguments(args).get("MAC") || undefined;
  if (text === undefined) return undefined;
  const mac = Mac.tryParse(text);
  if (mac !== undefined) return mac;
  throw failure(`ARGS: error parsing value of pair "MAC=${text}": it is not a MAC address`);
}

/** What the runtime asks for by the capability `mac`. */
export function runtimeMac(fields: Fields): Mac | undefined {
  return fields.object("runtimeConfig")?.mac("mac");
}
