// Which keys below subnets/ can be a lease record's. The port shows lease records by their relative key and the
// configuration as "config", so a record that would be taken for another one is left out (port.ts, Entry).
import { LodenError } from "#spec/errors";

export const CONFIG_KEY = "config";

/** Whether a relative key can stand in an Entry of a lease record. */
export function isLeaseKey(key: string): boolean {
  return key !== "" && key !== CONFIG_KEY;
}

/** The key, for a write. Throws ERR_LEASE_INVALID for one that no reader would see. */
export function checkedLeaseKey(key: string): string {
  if (isLeaseKey(key) && key.isWellFormed()) return key;
  throw new LodenError("ERR_LEASE_INVALID", `"${key.toWellFormed()}" cannot be the key of a lease record`, {
    fields: { key },
  });
}
