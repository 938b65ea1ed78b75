// D-Bus messages: what was written is read, and no bytes whatever make the decoder throw anything but ERR_DBUS.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DBUS_FIELD, decodeMessage, encodeCall, messageLength } from "#kernel/dbus/message";
import { LodenError } from "#spec/errors";

const text = fc
  .string({ maxLength: 40, unit: "grapheme" })
  .filter((value) => !value.includes("\0") && value.isWellFormed());
const call = fc.record({
  destination: text,
  path: text,
  interface: text,
  member: text,
  args: fc.array(text, { maxLength: 4 }),
});

test("a call is read as it was written", () => {
  fc.assert(
    fc.property(call, fc.integer({ min: 1, max: 0xffff_ffff }), (given, serial) => {
      const bytes = encodeCall(given, serial);
      expect(messageLength(bytes)).toBe(bytes.length);
      const { type, fields, body, ...rest } = decodeMessage(bytes);
      expect([type, rest.serial, body]).toEqual([1, serial, given.args]);
      expect(fields.get(DBUS_FIELD.member)).toBe(given.member);
      expect(fields.get(DBUS_FIELD.destination)).toBe(given.destination);
    }),
  );
});

function survives(bytes: Uint8Array): void {
  try {
    messageLength(bytes);
    decodeMessage(bytes);
  } catch (error) {
    if (!(error instanceof LodenError && error.code === "ERR_DBUS")) throw error;
  }
}

test("arbitrary bytes, and good messages with bytes changed or cut off", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survives), { numRuns: 3000 });
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 });
  fc.assert(
    fc.property(call, changes, fc.option(fc.nat()), (given, changed, cut) => {
      const whole = encodeCall(given, 7);
      const bytes = whole.slice(0, cut === null ? whole.length : cut % (whole.length + 1));
      for (const [at, value] of changed) if (bytes.length > 0) bytes[at % bytes.length] = value;
      survives(bytes);
    }),
    { numRuns: 3000 },
  );
});
