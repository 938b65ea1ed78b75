// Ethernet MAC addresses, EUI-48 only: what VXLAN devices, veths and bridges have.
import { MAC_TEXT } from "#spec/address-text";
import { LodenError } from "#spec/errors";

/** Bytes of an EUI-48 address, ETH_ALEN in linux/if_ether.h. */
const LENGTH = 6;

/** A MAC address. Immutable. */
export class Mac {
  /** Lower-case hexadecimal with colons. */
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  /**
   * Reads the forms Go's ParseMAC reads for six bytes: `02:00:5e:10:00:01`, with dashes, or `0200.5e10.0001`, any case.
   * @throws LodenError ERR_ADDRESS
   */
  static parse(text: string): Mac {
    const mac = Mac.tryParse(text);
    if (mac === undefined) {
      throw new LodenError(
        "ERR_ADDRESS",
        `${JSON.stringify(text.slice(0, 32))} is not a MAC address; write six bytes like 02:00:5e:10:00:01`,
      );
    }
    return mac;
  }

  static tryParse(text: string): Mac | undefined {
    if (!MAC_TEXT.test(text)) return undefined;
    const digits = text.toLowerCase().replace(/[^\da-f]/g, "");
    return new Mac(digits.replace(/(..)(?=.)/g, "$1:"));
  }

  /** @throws LodenError ERR_ADDRESS for a length other than six */
  static fromBytes(bytes: Uint8Array): Mac {
    if (bytes.length !== LENGTH) {
      throw new LodenError("ERR_ADDRESS", `a MAC address has ${LENGTH} bytes, not ${bytes.length}`);
    }
    let text = "";
    for (let index = 0; index < LENGTH; index++)
      text += `:${bytes[index]! < 16 ? "0" : ""}${bytes[index]!.toString(16)}`;
    return new Mac(text.slice(1));
  }

  /**
   * A unicast, locally administered address (IEEE 802c: bit 0 clear, bit 1 set in the first octet) from the first six
   * bytes of the seed; the same seed gives the same address.
   * @throws LodenError ERR_ADDRESS for fewer than six bytes
   */
  static locallyAdministered(seed: Uint8Array): Mac {
    if (seed.length < LENGTH) {
      throw new LodenError("ERR_ADDRESS", `a MAC address needs a seed of ${LENGTH} bytes, not ${seed.length}`);
    }
    const bytes = seed.slice(0, LENGTH);
    bytes[0] = (bytes[0]! & 0xfe) | 0x02;
    return Mac.fromBytes(bytes);
  }

  /** Six bytes, a fresh array. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(LENGTH);
    for (let index = 0; index < LENGTH; index++) {
      bytes[index] = Number.parseInt(this.text.slice(index * 3, index * 3 + 2), 16);
    }
    return bytes;
  }

  /** Lower-case hexadecimal with colons. */
  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }

  equals(other: Mac): boolean {
    return this.text === other.text;
  }
}
