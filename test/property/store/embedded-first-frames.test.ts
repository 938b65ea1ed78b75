// Whatever a client sends first: it is handed over or refused, nothing throws, and nothing but the authority is changed.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FirstFrames, type Step } from "../../../daemon/store/embedded/first-frames.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Pushes until there is a verdict. */
function run(chunks: readonly Uint8Array[]): { readonly step: Step; readonly used: number } {
  const first = new FirstFrames();
  let used = 0;
  for (const chunk of chunks) {
    used += chunk.length;
    const step = first.push(chunk);
    if (step.forward !== undefined || step.refused === true) return { step, used };
  }
  return { step: {}, used };
}

test("any bytes, cut anywhere", () => {
  const bytes = fc.uint8Array({ maxLength: 400 });
  const length = fc.integer({ min: 0, max: 40 });
  const frame = fc
    .tuple(length, fc.integer({ min: 0, max: 10 }), fc.nat(255), fc.uint8Array({ maxLength: 40 }))
    .map(([claimed, type, flags, payload]) =>
      Buffer.concat([Buffer.from([0, 0, claimed, type, flags, 0, 0, 0, 1]), payload]),
    );
  const input = fc.oneof(
    fc.array(bytes, { maxLength: 4 }),
    fc.array(frame, { maxLength: 8 }).map((frames) => [PREFACE, ...frames]),
    fc.array(bytes, { maxLength: 4 }).map((chunks) => [PREFACE, ...chunks]),
  );
  fc.assert(
    fc.property(input, (chunks) => {
      const { step, used } = run(chunks);
      if (step.forward === undefined) return;
      // The acknowledgement is 9 bytes and what it claims to hold.
      expect(step.forward.length).toBeLessThanOrEqual(used);
      const begin = Math.min(PREFACE.length, step.forward.length);
      expect(Buffer.compare(step.forward.subarray(0, begin), Buffer.concat(chunks).subarray(0, begin))).toBe(0);
    }),
    { numRuns: 5000 },
  );
});

test("any header block", () => {
  const settled = Buffer.concat([PREFACE, Buffer.from("000000040100000000", "hex")]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(255), (payload, flags) => {
      const head = Buffer.from([0, 0, payload.length, 1, flags, 0, 0, 0, 1]);
      const { forward } = new FirstFrames().push(Buffer.concat([settled, head, payload]));
      expect(forward?.length).toBe(PREFACE.length + head.length + payload.length);
    }),
    { numRuns: 5000 },
  );
});
