// The keeper of the resident plugins, with programs in their place that do what a resident may: serve, end, fail, hang.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { silentLog, type Log } from "../../../daemon/log.ts";
import { ResidentKeeper } from "../../../daemon/resident/keeper.ts";
import { hindrance, residentExecutable } from "../../../daemon/resident/place.ts";
import { describeStatus } from "../../../daemon/cli/status.ts";
import type { Status } from "#spec/status";
import { ManualClock } from "../../support/manual-clock.ts";
import { tempDir } from "../../support/temp-dir.ts";

const directory = tempDir("resident-keeper");
afterAll(() => directory[Symbol.asyncDispose]());

function keeperOf(name: string, script: string) {
  const executable = path.join(directory.path, name);
  writeFileSync(executable, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const clock = new ManualClock();
  const said: string[] = [];
  const log: Log = { ...silentLog, warn: (_, text) => void said.push(text), info: (_, text) => void said.push(text) };
  const keeper = new ResidentKeeper({ executable, socket: "/nowhere/cni.sock", clock, log, onChange: () => undefined });
  const reaches = async (state: string): Promise<void> => {
    while (keeper.status.state !== state) await sleep(2);
  };
  return { keeper, clock, said, reaches };
}

test("one that serves is told of, and ends with its input", async () => {
  const { keeper, said, reaches } = keeperOf("good", 'echo "serving $2"; cat > /dev/null; echo goodbye >&2');
  keeper.start();
  await reaches("serving");
  expect(keeper.status).toMatchObject({ socket: "/nowhere/cni.sock", pid: expect.any(Number) as number, reason: null });
  await keeper.stop();
  expect(keeper.status.pid).toBeNull();
  expect(said).toEqual(["the resident CNI plugins serve", "goodbye"]);
});

test("one that ends is started again, later each time, with what it said as the reason", async () => {
  const { keeper, clock, said } = keeperOf("bad", "echo the socket cannot be served >&2; exit 1");
  const ends = (): number => said.filter((text) => text.includes("run stand-alone")).length;
  keeper.start();
  for (const [index, wait] of [1_000, 2_000, 4_000].entries()) {
    while (ends() < index + 1) await sleep(2);
    expect(keeper.status.reason).toBe("the socket cannot be served (exit status 1)");
    await clock.advance(wait - 1);
    expect(keeper.status).toMatchObject({ state: "waiting", pid: null });
    await clock.advance(1);
  }
  while (ends() < 4) await sleep(2);
  await keeper.stop();
});

test("one that is not there is no harm", async () => {
  const { keeper, reaches } = keeperOf("absent", "exit 0");
  chmodSync(path.join(directory.path, "absent"), 0o600);
  keeper.start();
  await reaches("waiting");
  expect(keeper.status.reason).toMatch(/EACCES/);
  await keeper.stop();
});

test("one that does not end is killed", async () => {
  const { keeper, reaches } = keeperOf("deaf", "trap '' TERM; echo serving; while :; do sleep 0.1; done");
  keeper.start();
  await reaches("serving");
  await keeper.stop();
  expect(keeper.status.pid).toBeNull();
});

test("it is kept where it can serve, and the reason told where not", () => {
  const here = { mount: "mnt:[1]", hostMount: "mnt:[1]" };
  expect(hindrance({ ...here, status: "CapEff:\t000001ffffffffff\n" })).toBeUndefined();
  expect(hindrance({ ...here, hostMount: undefined, status: "CapEff:\t000001ffffffffff\n" })).toBeUndefined();
  expect(hindrance({ ...here, status: "CapEff:\t0000000000003000\n" })).toMatch(/CAP_SYS_ADMIN/);
  expect(hindrance({ ...here, mount: "mnt:[2]", status: "CapEff:\t000001ffffffffff\n" })).toMatch(/mount namespace/);
  const lib = path.join(directory.path, "opt/lib/loden");
  expect(residentExecutable(lib)).toBeUndefined();
  mkdirSync(path.join(directory.path, "opt/cni"), { recursive: true });
  mkdirSync(lib, { recursive: true });
  writeFileSync(path.join(directory.path, "opt/cni/loden-cni"), "");
  expect(residentExecutable(lib)).toBe(path.join(directory.path, "opt/cni/loden-cni"));
});

test("loden status says how the thread of the udp backend does, and how paths are", () => {
  const path = { target: "10.0.0.2", loss: 1, roundTripMs: null, mtu: null };
  const probe = { peer: "p", family: 4, probed: "", underlay: path, overlay: path } as const;
  const worker = { state: "running", restarts: 2, reason: "the device's descriptor is closed" } as const;
  const text = describeStatus({ ...RUNNING, datapathWorker: worker, probes: [probe] }, true, "b");
  expect(text).toMatch(
    /datapath +a thread of lodend; started again 2 times, last as the device's descriptor is closed/,
  );
  expect(text).toMatch(/paths +1 probed, 1 without an answer/);
  expect(describeStatus(RUNNING, true, "b")).not.toMatch(/datapath|paths|dropped:/);
  const datapath = { mode: "kernel", attachment: "tcx", drops: { malformed: 2, fragment: 1 } } as const;
  expect(describeStatus({ ...RUNNING, datapath }, true, "b")).toMatch(
    /datapath +the kernel, by BPF programs in tcx\n +dropped: 2 malformed, 1 fragment\n/,
  );
});

const RUNNING = {
  ...{ version: "1", pid: 1, bootId: "b", nodeId: null, started: "", updated: "", phase: "running", ready: true },
  ...{ reason: null, subnetFile: "", interface: null, backend: null, networks: [], lease: null },
  ...{ store: { name: "s", trouble: null }, peers: { known: 0, unusable: {} }, kernel: { objects: 0, failed: {} } },
  ...{
    sourceFilter: null,
    problems: [],
    format: 1,
    resident: null,
    probes: null,
    datapath: null,
    datapathWorker: null,
  },
} as unknown as Status;

test("loden status says how plugins run", () => {
  const line = (resident: Status["resident"]): string | undefined =>
    describeStatus({ ...RUNNING, resident }, true, "b")
      .split("\n")
      .find((text) => text.startsWith("  cni"));
  expect(line(null)).toBeUndefined();
  const at = { socket: "/run/loden/cni.sock", pid: 7, reason: null };
  expect(line({ ...at, state: "serving" })).toMatch(/resident plugins at \/run\/loden\/cni\.sock, pid 7/);
  expect(line({ ...at, state: "off", pid: null, reason: "so" })).toMatch(/stand-alone; the resident ones are off: so/);
});
