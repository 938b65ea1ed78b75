// The state file: what is written is read again, and no damage gets through or throws anything but the error that says so.
import * as fc from "fast-check";
import { LodenError } from "#spec/errors";
import { expect, test } from "vitest";
import { decodeState, encodeState, type LastState } from "../../../daemon/life/last-state.ts";

const PREFIX = "/n";

const states: fc.Arbitrary<LastState> = fc.record({
  prefix: fc.constant(PREFIX),
  nodeId: fc.string(),
  bootId: fc.string(),
  config: fc.constantFrom('{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}'),
  lease: fc.option(
    fc.record({
      key: fc.constant("10.5.1.0-24"),
      value: fc.constant('{"PublicIP":"192.168.0.1","PublicIPv6":null}'),
      reserved: fc.boolean(),
    }),
  ),
  peers: fc.array(fc.tuple(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }))),
  written: fc.string(),
});

function refused(text: string): boolean {
  try {
    decodeState(text, PREFIX);
    return false;
  } catch (error) {
    expect(error).toBeInstanceOf(LodenError);
    return true;
  }
}

test("a state is read as it was written", () => {
  fc.assert(
    fc.property(states, (state) => {
      expect(decodeState(encodeState(state), PREFIX)).toEqual(state);
    }),
  );
});

test("a file cut short is refused", () => {
  fc.assert(
    fc.property(states, fc.nat(), (state, at) => {
      const text = encodeState(state).trimEnd();
      expect(refused(text.slice(0, at % text.length))).toBe(true);
    }),
  );
});

test("another character anywhere in the state is refused", () => {
  fc.assert(
    fc.property(states, fc.nat(), fc.constantFrom("x", "0", '"', "}"), (state, at, character) => {
      const text = encodeState(state).trimEnd();
      const start = text.indexOf('"state":') + 9;
      const place = start + (at % (text.length - 1 - start));
      fc.pre(text[place] !== character);
      expect(refused(text.slice(0, place) + character + text.slice(place + 1))).toBe(true);
    }),
  );
});

test("any other JSON is refused, and so is the state of another prefix", () => {
  fc.assert(
    fc.property(fc.jsonValue(), states, (value, state) => {
      expect(refused(JSON.stringify(value))).toBe(true);
      expect(() => decodeState(encodeState(state), "/m")).toThrow(/prefix=\/n/);
    }),
  );
});
