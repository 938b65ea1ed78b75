// What the plugins print is what the schemas say, in every version, and is read back as what it was.
import { cniErrorContract } from "#spec/documents/cni-error";
import { cniResult020Contract, cniResult040Contract, cniResult110Contract } from "#spec/documents/cni-result";
import { Address, FAMILIES } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { validate, type Contract } from "#spec/validate";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CniError } from "../../../cni-plugins/error.ts";
import { printDocument, resultDocument } from "../../../cni-plugins/result/print.ts";
import { readResult } from "../../../cni-plugins/result/read.ts";
import type { Result } from "../../../cni-plugins/result/types.ts";
import { errorDocument } from "../../../cni-plugins/skeleton.ts";
import { SUPPORTED_VERSIONS } from "#spec/cni-versions";

function contractOfVersion(version: string): Contract<unknown> {
  if (version < "0.3.0") return cniResult020Contract;
  return version < "1.0.0" ? cniResult040Contract : cniResult110Contract;
}

const addresses = fc
  .tuple(fc.constantFrom(...FAMILIES), fc.bigInt({ min: 1n, max: (1n << 32n) - 2n }))
  .map(([family, value]) => Address.fromBigInt(family, family === 4 ? value : (0xfd00n << 112n) | value));
const prefixes = addresses.chain((address) =>
  fc.integer({ min: 1, max: address.bits }).map((length) => Prefix.of(address, length)),
);
const numbers = fc.integer({ min: 1, max: 65_535 });
const texts = fc.string({ minLength: 1 });

const routes = fc.record(
  {
    destination: prefixes.map((prefix) => prefix.masked),
    gateway: addresses,
    mtu: numbers,
    advertisedMss: numbers,
    priority: numbers,
    table: numbers,
    scope: fc.integer({ min: 0, max: 255 }),
  },
  { requiredKeys: ["destination"] },
);

const results: fc.Arbitrary<Result> = fc.record({
  interfaces: fc.array(
    fc.record({ name: texts, mac: texts, sandbox: texts, mtu: numbers }, { requiredKeys: ["name"] }),
  ),
  ips: fc.array(
    fc.record({ interface: fc.nat(3), address: prefixes, gateway: addresses }, { requiredKeys: ["address"] }),
    { minLength: 1 },
  ),
  routes: fc.array(routes),
  dns: fc.record({ nameservers: fc.array(texts, { minLength: 1 }), domain: texts }, { requiredKeys: [] }),
});

describe("results", () => {
  test.each(SUPPORTED_VERSIONS)("of %s are valid by their schema and read back as they were", (version) => {
    fc.assert(
      fc.property(results, (result) => {
        const printed = JSON.parse(printDocument(resultDocument(result, version))) as Record<string, unknown>;
        expect(validate(contractOfVersion(version), printed)).toEqual(printed);
        const back = readResult(printed, version, "result");
        if (version >= "1.1.0") expect(back).toEqual(result);
        expect(printDocument(resultDocument(back, version))).toBe(printDocument(resultDocument(result, version)));
      }),
      { numRuns: 200 },
    );
  });
});

test("errors are valid by their schema", () => {
  fc.assert(
    fc.property(fc.nat(999), fc.string(), fc.string(), (code, message, details) => {
      const printed = JSON.parse(printDocument(errorDocument(new CniError(code, message, details), "1.1.0"))) as Record<
        string,
        unknown
      >;
      expect(validate(cniErrorContract, printed)).toEqual(printed);
    }),
  );
});
