// IP prefixes: an address with a length, host bits kept as written (10.1.2.3/24), so that one type serves interface
// addresses and networks. RFC 4632 (CIDR), RFC 4291 §2.3.
import { parsePrefixText } from "#spec/address-text";
import { LodenError } from "#spec/errors";
import { Address, type Family } from "./address.ts";

/** How much of a text that is no prefix an error shows. */
const SHOWN_LIMIT = 48;

/** An address and a prefix length. Immutable. */
export class Prefix {
  readonly address: Address;
  readonly length: number;

  private constructor(address: Address, length: number) {
    this.address = address;
    this.length = length;
  }

  /**
   * Reads CIDR text; host bits are kept. The length may have leading zeros, as Go's ParseCIDR allows.
   * @throws LodenError ERR_ADDRESS
   */
  static parse(text: string): Prefix {
    const prefix = Prefix.tryParse(text);
    if (prefix === undefined) throw notAPrefix(text);
    return prefix;
  }

  static tryParse(text: string): Prefix | undefined {
    const parsed = parsePrefixText(text);
    return parsed && new Prefix(Address.fromBigInt(parsed.family, parsed.value), parsed.length);
  }

  /** @throws LodenError ERR_ADDRESS when the length does not fit the family */
  static of(address: Address, length: number): Prefix {
    if (!Number.isInteger(length) || length < 0 || length > address.bits) {
      throw new LodenError(
        "ERR_ADDRESS",
        `prefix length ${length} of ${address.toString()} is not between 0 and ${address.bits}`,
      );
    }
    return new Prefix(address, length);
  }

  get family(): Family {
    return this.address.family;
  }

  /** The same network with its host bits zero. */
  get masked(): Prefix {
    return this.isMasked ? this : new Prefix(this.first, this.length);
  }

  get isMasked(): boolean {
    return (this.address.value & this.#hostMask) === 0n;
  }

  /** The network address. */
  get first(): Address {
    return Address.fromBigInt(this.family, this.address.value & ~this.#hostMask);
  }

  /** The last address: in IPv4, of prefixes shorter than /31, the broadcast address. */
  get last(): Address {
    return Address.fromBigInt(this.family, this.address.value | this.#hostMask);
  }

  /** How many addresses the prefix spans. */
  get size(): bigint {
    return this.#hostMask + 1n;
  }

  contains(other: Address | Prefix): boolean {
    if (other instanceof Prefix) return other.length >= this.length && this.contains(other.address);
    return other.family === this.family && (other.value | this.#hostMask) === (this.address.value | this.#hostMask);
  }

  overlaps(other: Prefix): boolean {
    return this.contains(other) || other.contains(this);
  }

  /** Same address, host bits included, and same length. */
  equals(other: Prefix): boolean {
    return this.length === other.length && this.address.equals(other.address);
  }

  /** By address, then shorter prefixes first. */
  compare(other: Prefix): number {
    return this.address.compare(other.address) || this.length - other.length;
  }

  toString(): string {
    return `${this.address.toString()}/${this.length}`;
  }

  toJSON(): string {
    return this.toString();
  }

  get #hostMask(): bigint {
    return (1n << BigInt(this.address.bits - this.length)) - 1n;
  }
}

function notAPrefix(text: string): LodenError {
  const shown = text.length > SHOWN_LIMIT ? `${text.slice(0, SHOWN_LIMIT)}…` : text;
  const hint = text.includes("/") ? "" : "; a prefix is written address/length";
  return new LodenError("ERR_ADDRESS", `${JSON.stringify(shown)} is not an IP prefix${hint}`, {
    fields: { text: shown },
  });
}
