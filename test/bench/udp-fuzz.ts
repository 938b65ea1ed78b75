// `npm run bench -- udp-fuzz`: a million mutated datagrams at the port of the udp backend, and as many packets at its
// device, on both data paths. Not timed: it is
// about what happens.
import { parseArgs } from "node:util";
import { enterFreshBpfFs } from "../support/bpf.ts";
import { enterFreshNetns } from "../support/netns.ts";
import { fuzz, fuzzInside, randomOf } from "../support/udp-fuzz.ts";

const USAGE = `usage: npm run bench -- udp-fuzz [flags]

  --count N                       datagrams (default 1000000)
  --datapath kernel,userspace     which (default both)
  --family 4,6                    of the packets (default both)
  --from outside,inside           datagrams at the port, or packets at the device (default both)
  --seed N                        of the mutations (default 1)
`;

export async function run(args: readonly string[]): Promise<number> {
  const options = {
    count: { type: "string", default: "1000000" },
    datapath: { type: "string", default: "kernel,userspace" },
    family: { type: "string", default: "4,6" },
    from: { type: "string", default: "outside,inside" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  } as const;
  const { values } = parseArgs({ args: [...args], options });
  if (values.help) {
    process.stderr.write(USAGE);
    return 0;
  }
  enterFreshNetns();
  enterFreshBpfFs();
  let failures = 0;
  for (const datapath of values.datapath.split(",")) {
    for (const family of values.family.split(",").map((text) => (text === "6" ? 6 : 4))) {
      for (const from of values.from.split(",")) {
        const attack = from === "inside" ? fuzzInside : fuzz;
        const text = await attack(datapath, Number(values.count), randomOf(Number(values.seed)), family);
        failures += text.startsWith("FAILED") ? 1 : 0;
        process.stdout.write(`${datapath}, IPv${family}, from ${from}: ${text}\n`);
      }
    }
  }
  return failures === 0 ? 0 : 1;
}
