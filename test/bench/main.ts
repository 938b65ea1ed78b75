// `npm run bench -- <what> [options]`: the benchmarks. Each pairs Loden with a peer in one run and prints both figures
// and their ratio, since times on shared machines mean little by themselves.
interface Benchmark {
  readonly about: string;
  readonly load: () => Promise<{ run: (args: string[]) => number | Promise<number> }>;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  churn: {
    about: "a thousand containers with plugins killed at random moments, GC, and what is left of them",
    load: () => import("./churn.ts"),
  },
  cni: {
    about: "ADD and DEL of the CNI executables against the Go reference plugins",
    load: () => import("./cni.ts"),
  },
  datapath: {
    about: "packets from pod to pod over each backend, against the same topology made by hand",
    load: () => import("./datapath.ts"),
  },
  "udp-fuzz": {
    about: "a million mutated datagrams at the udp backend's port, on both data paths",
    load: () => import("./udp-fuzz.ts"),
  },
  scale: {
    about: "a daemon with thousands of peers: start, one change, memory; against ip -batch and flanneld",
    load: () => import("./scale.ts"),
  },
};

const [what = "", ...args] = process.argv.slice(2);
const benchmark = BENCHMARKS[what];
if (benchmark === undefined) {
  const list = Object.entries(BENCHMARKS).map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`);
  process.stderr.write(`usage: npm run bench -- <what> [options]\n${list.join("\n")}\n`);
  process.exitCode = what === "" || what === "--help" ? 0 : 2;
} else {
  process.exitCode = await (await benchmark.load()).run(args);
}
