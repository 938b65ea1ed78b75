// Addresses that nodes tell of themselves, compared: what a lease tells, and what its node still has of it.
import { FAMILIES } from "#kernel/ip/address";
import type { Lease } from "./types.ts";

type Addresses = Lease["publicAddress"];

export function sharesAddress(a: Addresses, b: Addresses): boolean {
  return FAMILIES.some((family) => isSame(a, b, family) && a[family] !== undefined);
}

export function sameAddresses(a: Addresses, b: Addresses): boolean {
  return FAMILIES.every((family) => isSame(a, b, family));
}

/** Those of `a` that `b` lacks. */
export function lacking(a: Addresses, b: Addresses): Addresses {
  const found: Addresses = {};
  for (const family of FAMILIES) if (a[family] !== undefined && !isSame(a, b, family)) found[family] = a[family];
  return found;
}

/** Those that a lease tells and that its node has. */
export function presentAddresses({ publicAddress, vacated }: Lease): Addresses {
  return vacated === undefined ? publicAddress : lacking(publicAddress, vacated);
}

function isSame(a: Addresses, b: Addresses, family: (typeof FAMILIES)[number]): boolean {
  const address = a[family];
  return address === undefined ? b[family] === undefined : b[family]?.equals(address) === true;
}
