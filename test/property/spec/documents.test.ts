// Whatever JSON a store, a runtime or a user sends, reading it gives a document or one error that says what is wrong.
import { fold } from "#spec/fold";
import { formatSubnetEnv, parsePreviousSubnetEnv, parseSubnetEnv } from "#spec/subnet-env";
import { DocumentError, parseDocument, validate } from "#spec/validate";
import { LodenError } from "#spec/errors";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SAMPLES, type Sample } from "../../unit/spec/contracts.ts";
import { placesIn, replaced } from "../../unit/spec/places.ts";

function readOrRefuse({ contract }: Sample, document: unknown): unknown {
  try {
    return validate(contract, document);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    expect(error.code).toBe(contract.code);
    expect(error.mistakes.length).toBeGreaterThan(0);
    expect(error.message.startsWith(`invalid ${contract.name}: `)).toBe(true);
    for (const { path, found, keyword } of error.mistakes) {
      expect(error.message).toContain(path);
      expect(found === undefined).toBe(keyword === "required");
    }
    return undefined;
  }
}

/** A folded document with the case of its keys at random; maps keep theirs, as the fold must not touch them. */
function recased(folded: unknown, shape: Parameters<typeof fold>[1] | undefined, flips: () => boolean): unknown {
  if (shape === undefined || typeof folded !== "object" || folded === null) return folded;
  if (Array.isArray(folded)) return folded.map((item: unknown) => recased(item, shape.items, flips));
  return Object.fromEntries(
    Object.entries(folded).map(([key, value]) => {
      const known = shape.keys?.[key.toLowerCase()];
      if (known?.name !== key) return [key, value as unknown];
      const spelled = key
        .split("")
        .map((letter) => (flips() ? letter.toUpperCase() : letter.toLowerCase()))
        .join("");
      return [spelled, recased(value, known.shape, flips)];
    }),
  );
}

const samples = fc.constantFrom(...SAMPLES);

describe("documents", () => {
  test("arbitrary JSON is read or refused", () => {
    fc.assert(
      fc.property(samples, fc.jsonValue(), (sample, document) => {
        readOrRefuse(sample, document);
      }),
      { numRuns: 2000 },
    );
  });

  test("a good document with one place replaced by anything is read or refused", () => {
    const spoilt = samples.chain((sample) =>
      fc
        .tuple(fc.constantFrom(...placesIn(sample.document)), fc.oneof(fc.jsonValue(), fc.constant(null), fc.string()))
        .map(([path, by]) => ({ sample, document: replaced(sample.document, path, by) })),
    );
    fc.assert(
      fc.property(spoilt, ({ sample, document }) => {
        readOrRefuse(sample, document);
        expect(() => parseDocument(sample.contract, JSON.stringify(document).slice(0, -1))).toThrow(LodenError);
      }),
      { numRuns: 5000 },
    );
  });

  test("the case of known keys does not matter", () => {
    fc.assert(
      fc.property(samples, fc.infiniteStream(fc.boolean()), ({ contract, document }, flips) => {
        const spelled = recased(document, contract.shape, () => flips.next().value ?? false);
        expect(validate(contract, spelled)).toEqual(document);
      }),
      { numRuns: 500 },
    );
  });

  test("folding twice is folding once, and null is the same as nothing", () => {
    fc.assert(
      fc.property(samples, fc.jsonValue(), ({ contract, document }, extra) => {
        const once = fold(extra, contract.shape);
        expect(fold(once, contract.shape)).toEqual(once);
        const nulled = Object.fromEntries(Object.keys(document).map((key) => [key, null]));
        expect(fold(nulled, contract.shape)).toEqual({});
      }),
      { numRuns: 1000 },
    );
  });
});

describe("subnet.env", () => {
  const line = fc.oneof(
    fc.string({ unit: "binary" }),
    fc
      .tuple(
        fc.constantFrom(
          "FLANNEL_NETWORK",
          "FLANNEL_SUBNET",
          "FLANNEL_IPV6_NETWORK",
          "FLANNEL_IPV6_SUBNET",
          "FLANNEL_MTU",
          "FLANNEL_IPMASQ",
        ),
        fc.constantFrom("=", "", " = ", "=="),
        fc.oneof(
          fc.constantFrom("10.1.0.0/16", "fd00::/48", "1450", "true", "10.1.0.0/16,junk", '"10.1.0.0/16"'),
          fc.string(),
        ),
      )
      .map((parts) => parts.join("")),
  );

  test("any text is read, or refused by the file's name", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 10 }), (lines) => {
        const text = lines.join("\n");
        const previous = parsePreviousSubnetEnv(text);
        for (const one of [previous.network[4], previous.subnet[4]])
          expect(one ?? "1.2.3.4/5").toMatch(/^[\d.]+\/\d+$/);
        try {
          const env = parseSubnetEnv(text, "/run/x.env");
          expect(env.networks[4] ?? env.networks[6]).toBeDefined();
          expect(env.subnet[4] ?? env.subnet[6]).toBeDefined();
        } catch (error) {
          expect(error).toMatchObject({
            code: "ERR_SUBNET_ENV",
            message: expect.stringMatching(/^\/run\/x\.env(:| is missing) /) as string,
          });
        }
      }),
      { numRuns: 3000 },
    );
  });

  test("what is written is read back by both readers", () => {
    const subnet4 = fc
      .tuple(fc.nat(255), fc.nat(255))
      .map(([a, b]) => [`10.${a}.0.0/16`, `10.${a}.${b}.1/24`] as const);
    fc.assert(
      fc.property(subnet4, fc.nat(65_535), fc.boolean(), ([network, subnet], mtu, ipMasq) => {
        const env = { networks: { 4: [network] }, subnet: { 4: subnet }, mtu, ipMasq };
        expect(parseSubnetEnv(formatSubnetEnv(env), "f")).toEqual(env);
        expect(parsePreviousSubnetEnv(formatSubnetEnv(env))).toEqual({
          network: { 4: network },
          subnet: { 4: subnet },
        });
      }),
    );
  });
});
