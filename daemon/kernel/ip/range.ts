// Inclusive ranges of addresses of one family: the pools that subnets and container addresses are taken from.
import { LodenError } from "#spec/errors";
import type { Address, Family } from "./address.ts";
import type { Prefix } from "./prefix.ts";

/** All addresses from `first` to `last`, both included. Immutable. */
export class AddressRange {
  readonly first: Address;
  readonly last: Address;

  private constructor(first: Address, last: Address) {
    this.first = first;
    this.last = last;
  }

  /** @throws LodenError ERR_ADDRESS when the families differ or the range ends before it begins */
  static of(first: Address, last: Address): AddressRange {
    if (first.family !== last.family) {
      throw new LodenError(
        "ERR_ADDRESS",
        `${first.toString()} and ${last.toString()} are of different address families and bound no range`,
      );
    }
    if (first.compare(last) > 0) {
      throw new LodenError(
        "ERR_ADDRESS",
        `a range from ${first.toString()} to ${last.toString()} ends before it begins`,
      );
    }
    return new AddressRange(first, last);
  }

  /** Every address of a prefix, network and broadcast address included. */
  static ofPrefix(prefix: Prefix): AddressRange {
    return new AddressRange(prefix.first, prefix.last);
  }

  get family(): Family {
    return this.first.family;
  }

  get size(): bigint {
    return this.last.value - this.first.value + 1n;
  }

  contains(address: Address): boolean {
    return address.family === this.family && address.value >= this.first.value && address.value <= this.last.value;
  }

  overlaps(other: AddressRange): boolean {
    return other.family === this.family && other.first.value <= this.last.value && other.last.value >= this.first.value;
  }

  equals(other: AddressRange): boolean {
    return this.first.equals(other.first) && this.last.equals(other.last);
  }

  /** The address after `address`, round from the last to the first; the first for one that is not in the range. */
  next(address: Address): Address {
    return this.contains(address) && !address.equals(this.last) ? address.add(1n) : this.first;
  }

  /** As CNI's host-local prints it: `10.0.0.1-10.0.0.9`. */
  toString(): string {
    return `${this.first.toString()}-${this.last.toString()}`;
  }
}
