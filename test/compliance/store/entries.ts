// Short ways to the entry of a write that must have won.
import type { Entry, WriteResult } from "../../../daemon/store/port.ts";

export function requireEntry(result: WriteResult | undefined): Entry {
  if (result?.ok === true) return result.entry;
  throw new Error(`the write was lost to ${result?.current?.value ?? "a record that is not there"}`);
}
