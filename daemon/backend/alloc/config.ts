// The alloc backend has no options.
import { allocOptionsContract } from "#spec/documents/backend-options";
import type { Network } from "../../lease/types.ts";
import { readOptions } from "../options.ts";

/** Warnings for the log. @throws LodenError ERR_BACKEND */
export function checkAlloc(network: Network): string[] {
  return readOptions(allocOptionsContract, network).warnings;
}
