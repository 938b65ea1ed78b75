// The alloc backend has no options.
import type { Network } from "../../lease/types.ts";
import { readOptions, unknownOptionWarnings } from "../options.ts";

/** Warnings for the log. */
export function checkAlloc(network: Network): string[] {
  return unknownOptionWarnings("alloc", readOptions("alloc", network.backend.options, {}).unknown, []);
}
