// IPv4 and IPv6 addresses as values. Text is read and printed by spec/address-text.ts (RFC 5952, Go's rules); bytes and
// arithmetic are done here on a bigint, so that a dump of many thousand addresses costs no text at all.
import { parseAddressText, printAddress } from "#spec/address-text";
import { LodenError } from "#spec/errors";

/** Address family as a value to loop over. */
export type Family = 4 | 6;

export const FAMILIES: readonly Family[] = [4, 6];

/** How much of a text that is no address an error shows. */
const SHOWN_LIMIT = 48;

/** ::ffff:0:0/96, RFC 4291 §2.5.5.2. */
const MAPPED_HIGH = 0xffffn;

/** An IPv4 or IPv6 address. Immutable; equal addresses of one family have equal `value`. */
export class Address {
  readonly family: Family;
  /** The address as an unsigned number of 32 or 128 bits. */
  readonly value: bigint;
  #text: string | undefined;

  private constructor(family: Family, value: bigint) {
    this.family = family;
    this.value = value;
  }

  /**
   * Reads an address as Go does: octets without leading zeros, no zone, no prefix length.
   * @throws LodenError ERR_ADDRESS
   */
  static parse(text: string): Address {
    const address = Address.tryParse(text);
    if (address === undefined) throw notAnAddress(text);
    return address;
  }

  static tryParse(text: string): Address | undefined {
    const parsed = parseAddressText(text);
    return parsed === undefined ? undefined : new Address(parsed.family, parsed.value);
  }

  /**
   * From network byte order: 4 bytes are IPv4, 16 are IPv6 (also when they hold a mapped IPv4 address).
   * @throws LodenError ERR_ADDRESS for any other length
   */
  static fromBytes(bytes: Uint8Array): Address {
    if (bytes.length === 4) return new Address(4, BigInt(word(bytes, 0)));
    if (bytes.length !== 16) {
      throw new LodenError("ERR_ADDRESS", `an IP address has 4 or 16 bytes, not ${bytes.length}`);
    }
    const high = (BigInt(word(bytes, 0)) << 32n) | BigInt(word(bytes, 4));
    const low = (BigInt(word(bytes, 8)) << 32n) | BigInt(word(bytes, 12));
    return new Address(6, (high << 64n) | low);
  }

  /** @throws LodenError ERR_ADDRESS when the value is negative or too large for the family */
  static fromBigInt(family: Family, value: bigint): Address {
    if (value < 0n || value >> BigInt(bitsOf(family)) !== 0n) {
      throw new LodenError("ERR_ADDRESS", `${value} is outside the IPv${family} address space`);
    }
    return new Address(family, value);
  }

  get bits(): 32 | 128 {
    return bitsOf(this.family);
  }

  /** Network byte order, 4 or 16 bytes, a fresh array. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.bits / 8);
    let rest = this.value;
    for (let end = bytes.length; end > 0; end -= 4) {
      const part = Number(rest & 0xffff_ffffn);
      bytes[end - 1] = part;
      bytes[end - 2] = part >>> 8;
      bytes[end - 3] = part >>> 16;
      bytes[end - 4] = part >>> 24;
      rest >>= 32n;
    }
    return bytes;
  }

  /** RFC 5952 text; a mapped IPv4 address in IPv6 keeps its dotted form (`::ffff:10.0.0.1`). */
  toString(): string {
    this.#text ??= printAddress(this.family, this.value);
    return this.#text;
  }

  toJSON(): string {
    return this.toString();
  }

  /** @throws LodenError ERR_ADDRESS when the sum leaves the address space */
  add(count: bigint | number): Address {
    return Address.fromBigInt(this.family, this.value + BigInt(count));
  }

  /** Negative, zero or positive; IPv4 sorts before IPv6. */
  compare(other: Address): number {
    if (this.family !== other.family) return this.family - other.family;
    if (this.value === other.value) return 0;
    return this.value < other.value ? -1 : 1;
  }

  equals(other: Address): boolean {
    return this.family === other.family && this.value === other.value;
  }

  /** The IPv4 address inside `::ffff:0:0/96`, else the address itself. Go's net.IP treats both as one. */
  get unmapped(): Address {
    return isMapped(this) ? new Address(4, this.value & 0xffff_ffffn) : this;
  }

  /** 0.0.0.0 or :: */
  get isUnspecified(): boolean {
    return this.unmapped.value === 0n;
  }

  /** 127.0.0.0/8 or ::1 */
  get isLoopback(): boolean {
    const { family, value } = this.unmapped;
    return family === 4 ? value >> 24n === 127n : value === 1n;
  }

  /** Link-local unicast: 169.254.0.0/16 or fe80::/10 */
  get isLinkLocal(): boolean {
    const { family, value } = this.unmapped;
    return family === 4 ? value >> 16n === 0xa9fen : value >> 118n === 0x3fan;
  }

  /** 224.0.0.0/4 or ff00::/8 */
  get isMulticast(): boolean {
    const { family, value } = this.unmapped;
    return family === 4 ? value >> 28n === 0xen : value >> 120n === 0xffn;
  }

  /** Unicast beyond the link, private ranges included, as in Go's IsGlobalUnicast. */
  get isGlobalUnicast(): boolean {
    const limitedBroadcast = this.unmapped.family === 4 && this.unmapped.value === 0xffff_ffffn;
    return !limitedBroadcast && !this.isUnspecified && !this.isLoopback && !this.isMulticast && !this.isLinkLocal;
  }

  /** RFC 1918 or RFC 4193 (fc00::/7) */
  get isPrivate(): boolean {
    const { family, value } = this.unmapped;
    if (family === 6) return value >> 121n === 0x7en;
    return value >> 24n === 10n || value >> 20n === 0xac1n || value >> 16n === 0xc0a8n;
  }
}

function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Four bytes at `at` as an unsigned number. The caller has checked the length. */
function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function isMapped(address: Address): boolean {
  return address.family === 6 && address.value >> 32n === MAPPED_HIGH;
}

function notAnAddress(text: string): LodenError {
  const shown = text.length > SHOWN_LIMIT ? `${text.slice(0, SHOWN_LIMIT)}…` : text;
  const hint = text.includes("/") ? "; a prefix length does not belong here" : "";
  return new LodenError("ERR_ADDRESS", `${JSON.stringify(shown)} is not an IPv4 or IPv6 address${hint}`, {
    fields: { text: shown },
  });
}
