// Lease keys, as flannel writes them below `<prefix>/subnets/` (spec/kv.md): `10.5.1.0-24`, dual stack
// `10.5.1.0-24&fd00:5:1::-64`. flannel has no form without an IPv4 part; for networks of IPv6 alone ours is
// `&fd00:5:1::-64` (spec/decisions/ipv6-only-keys.md).
import { Address, FAMILIES } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import type { PerFamily } from "./types.ts";

const KEY = /^(?:(\d+\.\d+\.\d+\.\d+)-(\d{1,3}))?(?:&([a-f\d:]+)-(\d{1,3}))?$/;

/** flannel reads the lengths as 5 and 7 bit numbers, so that a /32 and a /128 are not subnets. */
const LONGEST = { 4: 31, 6: 127 } as const;

/**
 * The subnets a key stands for, host bits as written. Undefined for anything that is not a lease key: such a record is
 * not a lease, and tells nothing about any other.
 */
export function parseSubnetKey(key: string): PerFamily<Prefix> | undefined {
  const match = KEY.exec(key);
  if (match === null || key === "") return undefined;
  const texts = { 4: [match[1], match[2]], 6: [match[3], match[4]] } as const;
  const subnets: PerFamily<Prefix> = {};
  for (const family of FAMILIES) {
    const [addressText, lengthText] = texts[family];
    if (addressText === undefined) continue;
    const address = Address.tryParse(addressText);
    const length = Number(lengthText);
    if (address?.family !== family || length > LONGEST[family]) return undefined;
    subnets[family] = Prefix.of(address, length);
  }
  return subnets;
}

/** The key of a lease of these subnets, masked. */
export function subnetKey(subnets: PerFamily<Prefix>): string {
  const [v4, v6] = FAMILIES.map((family) => {
    const subnet = subnets[family]?.masked;
    return subnet === undefined ? "" : `${subnet.address.toString()}-${subnet.length}`;
  });
  return v6 === "" ? v4! : `${v4!}&${v6!}`;
}
