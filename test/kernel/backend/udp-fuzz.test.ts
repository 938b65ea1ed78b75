// Mutated datagrams at the udp backend's port: nothing that should not be comes through, and both data paths count alike.
// `npm run bench -- udp-fuzz` sends a million.
import { beforeAll, expect, test } from "vitest";
import { enterFreshBpfFs } from "../../support/bpf.ts";
import { fuzz, fuzzInside, randomOf } from "../../support/udp-fuzz.ts";

const COUNT = 3_000;

beforeAll(() => enterFreshBpfFs());

test.each([4, 6] as const)(
  "mutated datagrams over IPv%d do no harm, and both data paths take the same ones",
  async (family) => {
    const seed = Date.now() % 2 ** 31;
    const verdicts: string[] = [];
    for (const datapath of ["kernel", "userspace"]) verdicts.push(await fuzz(datapath, COUNT, randomOf(seed), family));
    // All but what is dropped is let in, and the question at the end may be asked again. What the host sees may come joined, or
    // be more than its listener can hold, and what it answers more than the device can.
    const [kernel, userspace] = verdicts.map((text) =>
      text.replace(/ \d+ let in, \d+ seen by the host/, "").replace(/unknown-subnet \d+, /, ""),
    );
    expect(kernel, `seed ${seed}`).toMatch(/^ok: /);
    expect(userspace, `seed ${seed}`).toBe(kernel);
  },
);

test.each([
  ["kernel", 4],
  ["kernel", 6],
  ["userspace", 4],
  ["userspace", 6],
] as const)("mutated packets of containers do the %s's path over IPv%d no harm", async (datapath, family) => {
  const seed = Date.now() % 2 ** 31;
  expect(await fuzzInside(datapath, COUNT, randomOf(seed), family), `seed ${seed}`).toMatch(/^ok: /);
});
