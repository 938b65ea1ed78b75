// `npm run bench -- <what> [options]`: the benchmarks. Each pairs Loden with a peer in one run and prints both figures
// and their ratio, since times on shared machines mean little by themselves.
import { run as cni } from "./cni.ts";

const BENCHMARKS: Record<string, { run: (args: string[]) => number | Promise<number>; about: string }> = {
  cni: { run: cni, about: "ADD and DEL of the CNI executables against the Go reference plugins" },
};

const [what = "", ...args] = process.argv.slice(2);
const benchmark = BENCHMARKS[what];
if (benchmark === undefined) {
  const list = Object.entries(BENCHMARKS).map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`);
  process.stderr.write(`usage: npm run bench -- <what> [options]\n${list.join("\n")}\n`);
  process.exitCode = what === "" || what === "--help" ? 0 : 2;
} else {
  process.exitCode = await benchmark.run(args);
}
