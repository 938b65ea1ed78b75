// Attribute tables: a noun's fields as data, so that one line says which attribute a field travels in and how its value
// is written, and both directions come from that line. Plus the values that several nouns share: addresses, prefixes,
// MACs, address family numbers.
import { Address, type Family } from "../ip/address.ts";
import { Mac } from "../ip/mac.ts";
import { Prefix } from "../ip/prefix.ts";
import type { AttrWriter, Attrs } from "./attr.ts";
import type { NameTable } from "./names.ts";
import { decodeError } from "./wire.ts";

/** How one kind of value is read and written. `read` gives undefined for an attribute that is absent. */
export interface Codec<Value> {
  read(attrs: Attrs, type: number): Value | undefined;
  write(writer: AttrWriter, type: number, value: Value): void;
}

/** Attribute type, the field's name, and the codec of its value. */
export type Field<Shape> = {
  [Key in keyof Shape]-?: readonly [type: number, key: Key, codec: Codec<NonNullable<Shape[Key]>>];
}[keyof Shape];

/** Writes the fields that are given, in the table's order. */
export function writeFields<Shape extends object>(
  writer: AttrWriter,
  fields: readonly Field<Shape>[],
  values: Shape,
): void {
  for (const [type, key, codec] of fields) {
    const value = values[key];
    if (value !== undefined && value !== null) (codec as Codec<unknown>).write(writer, type, value);
  }
}

/**
 * Reads what is there of a table's fields; attributes the table does not know are passed over.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function readFields<Shape extends object>(attrs: Attrs, fields: readonly Field<Shape>[]): Partial<Shape> {
  const values: Partial<Record<keyof Shape, unknown>> = {};
  for (const [type, key, codec] of fields) {
    if (!attrs.has(type)) continue;
    const value = (codec as Codec<unknown>).read(attrs, type);
    if (value !== undefined) values[key] = value;
  }
  return values as Partial<Shape>;
}

/** One byte. */
export const u8: Codec<number> = {
  read: (attrs, type) => attrs.u8(type),
  write: (writer, type, value) => writer.u8(type, value),
};

/** Two bytes. */
export const u16: Codec<number> = {
  read: (attrs, type) => attrs.u16(type),
  write: (writer, type, value) => writer.u16(type, value),
};

/** Two bytes in network order. */
export const u16be: Codec<number> = {
  read: (attrs, type) => attrs.u16be(type),
  write: (writer, type, value) => writer.u16be(type, value),
};

/** Four bytes. */
export const u32: Codec<number> = {
  read: (attrs, type) => attrs.u32(type),
  write: (writer, type, value) => writer.u32(type, value),
};

/** Four bytes in network order. */
export const u32be: Codec<number> = {
  read: (attrs, type) => attrs.u32be(type),
  write: (writer, type, value) => writer.u32be(type, value),
};

/** Four bytes with a sign. */
export const i32: Codec<number> = {
  read: (attrs, type) => attrs.i32(type),
  write: (writer, type, value) => writer.i32(type, value),
};

/** Text with a NUL at its end. */
export const text: Codec<string> = {
  read: (attrs, type) => attrs.string(type),
  write: (writer, type, value) => writer.string(type, value),
};

/** Text without its NUL: what iproute2 sends for kinds and aliases. */
export const bareText: Codec<string> = {
  read: (attrs, type) => attrs.string(type),
  write: (writer, type, value) => writer.bytes(type, encoder.encode(value)),
};

const encoder = new TextEncoder();

/** A switch of one byte. */
export const bool: Codec<boolean> = {
  read: (attrs, type) => (attrs.u8(type) ?? 0) !== 0,
  write: (writer, type, value) => writer.u8(type, value ? 1 : 0),
};

/** A switch that is on when the attribute is there, and so is never read as false. */
export const flag: Codec<boolean> = {
  read: () => true,
  write: (writer, type, value) => {
    if (value) writer.flag(type);
  },
};

/** Bytes as they are. */
export const bytes: Codec<Uint8Array> = {
  // A copy: the attribute is a view of the receive buffer.
  read: (attrs, type) => attrs.get(type)?.slice(),
  write: (writer, type, value) => writer.bytes(type, value),
};

/** An Ethernet address. Hardware addresses of other lengths (tunnels, InfiniBand) are passed over. */
export const mac: Codec<Mac> = {
  read: (attrs, type) => {
    const value = attrs.get(type);
    return value?.length === MAC_LENGTH ? Mac.fromBytes(value) : undefined;
  },
  write: (writer, type, value) => writer.bytes(type, value.toBytes()),
};

/** Bytes of an Ethernet address. */
export const MAC_LENGTH = 6;

/** An IPv4 or IPv6 address, told apart by its length. */
export const address: Codec<Address> = {
  read: (attrs, type) => {
    const value = attrs.get(type);
    return value === undefined ? undefined : decodeAddress(value);
  },
  write: (writer, type, value) => writer.bytes(type, value.toBytes()),
};

/** One byte that has a name. */
export function name8<Name extends string>(table: NameTable<Name>): Codec<Name | number> {
  return {
    read: (attrs, type) => table.name(attrs.u8(type) ?? 0),
    write: (writer, type, value) => writer.u8(type, table.number(value)),
  };
}

/** Two bytes that have a name. */
export function name16<Name extends string>(table: NameTable<Name>): Codec<Name | number> {
  return {
    read: (attrs, type) => table.name(attrs.u16(type) ?? 0),
    write: (writer, type, value) => writer.u16(type, table.number(value)),
  };
}

/** Four bytes that have a name. */
export function name32<Name extends string>(table: NameTable<Name>): Codec<Name | number> {
  return {
    read: (attrs, type) => table.name(attrs.u32(type) ?? 0),
    write: (writer, type, value) => writer.u32(type, table.number(value)),
  };
}

/** Address families, AF_* of linux/socket.h. */
export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;

/** AF_INET or AF_INET6. */
export function familyNumber(family: Family): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** @throws LodenError ERR_NETLINK_DECODE for any other family */
export function decodeFamily(number: number): Family {
  if (number === AF_INET) return 4;
  if (number === AF_INET6) return 6;
  throw decodeError(`address family ${number} where IPv4 or IPv6 is due`);
}

/** @throws LodenError ERR_NETLINK_DECODE */
export function decodeAddress(value: Uint8Array): Address {
  if (value.length !== 4 && value.length !== 16) throw decodeError(`an IP address of ${value.length} bytes`);
  return Address.fromBytes(value);
}

/**
 * A prefix whose address and length stand apart; the family's zero address when there is none.
 * @throws LodenError ERR_NETLINK_DECODE
 */
export function decodePrefix(family: Family, value: Uint8Array | undefined, length: number): Prefix {
  const base = value === undefined ? ZERO[family] : decodeAddress(value);
  if (base.family !== family) throw decodeError(`an IPv${base.family} address in a message of IPv${family}`);
  if (length > base.bits) throw decodeError(`an IPv${family} prefix length of ${length}`);
  return Prefix.of(base, length);
}

const ZERO: Readonly<Record<Family, Address>> = { 4: Address.fromBigInt(4, 0n), 6: Address.fromBigInt(6, 0n) };

/**
 * A view of a message's fixed header.
 * @throws LodenError ERR_NETLINK_DECODE when the payload is shorter than the header
 */
export function headerView(payload: Uint8Array, length: number, name: string): DataView {
  if (payload.length < length) throw decodeError(`${payload.length} bytes where a ${name} of ${length} is due`);
  return new DataView(payload.buffer, payload.byteOffset, length);
}
