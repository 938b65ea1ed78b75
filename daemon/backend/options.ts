// Reads a backend's options out of the network configuration by the schema of its type: names in any case, as Go's
// decoder takes them; null and absent mean the default; what is wrong is refused, and what nobody reads is named.
import { type Contract, validate } from "#spec/validate";
import type { Network } from "../lease/types.ts";

export interface OptionsRead<T> {
  readonly options: T;
  /** A sentence for the log per option nobody reads. */
  readonly warnings: string[];
}

/** @throws LodenError ERR_BACKEND naming every option that is wrong, its value and what it must be */
export function readOptions<T extends object>(contract: Contract<T>, { backend }: Network): OptionsRead<T> {
  const options = validate(contract, backend.options);
  const known = Object.values(contract.shape.keys ?? {}).map(({ name }) => name);
  const names = known.filter((name) => name !== "Type");
  const choice = names.length === 0 ? "it has no options" : `its options are ${names.join(", ")}`;
  return {
    options,
    warnings: Object.keys(options)
      .filter((name) => !known.includes(name))
      .map((name) => `Backend.${name} is no option of ${backend.type} and is ignored; ${choice}`),
  };
}
