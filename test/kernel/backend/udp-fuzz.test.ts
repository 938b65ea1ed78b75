// Mutated datagrams at the udp backend's port: nothing that should not be comes through, and both data paths count alike.
// `npm run bench -- udp-fuzz` sends a million.
import { beforeAll, expect, test } from "vitest";
import { enterFreshBpfFs } from "../../support/bpf.ts";
import { fuzz, randomOf } from "../../support/udp-fuzz.ts";

const COUNT = 10_000;

beforeAll(() => enterFreshBpfFs());

test("mutated datagrams do no harm, and both data paths let in and drop the same ones", async () => {
  const seed = Date.now() % 2 ** 31;
  const verdicts: string[] = [];
  for (const datapath of ["kernel", "userspace"]) verdicts.push(await fuzz(datapath, COUNT, randomOf(seed)));
  // All but what is dropped is let in, and the question at the end may be asked again. What the host sees may come joined, or
  // be more than its listener can hold.
  const [kernel, userspace] = verdicts.map((text) => text.replace(/ \d+ let in, \d+ seen by the host/, ""));
  expect(kernel, `seed ${seed}`).toMatch(/^ok: /);
  expect(userspace, `seed ${seed}`).toBe(kernel);
});
