// lodend from dist/ and the resident plugins it keeps: started with it, started again, gone with it however it goes.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseStatus, type Status } from "#spec/status";
import { sys } from "#sys";
import { Sandbox, callPlugin } from "../support/cni.ts";
import { addressesOf } from "../support/cni-rig.ts";
import { enterFreshNetns } from "../support/netns.ts";
import { startProcess, type Started } from "../support/processes.ts";
import { tempDir } from "../support/temp-dir.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const directory = tempDir("e2e-resident");
const socket = path.join(directory.path, "cni.sock");
const subnetFile = path.join(directory.path, "subnet.env");

beforeAll(() => {
  enterFreshNetns();
  execFileSync("ip", ["link", "set", "lo", "up"]);
});
afterAll(() => directory[Symbol.asyncDispose]());

/** With a store that nobody serves: the resident needs none. */
function startLodend(...args: readonly string[]): Started {
  const flags = ["--etcd-endpoints=http://127.0.0.1:9", "--state-dir=", `--subnet-file=${subnetFile}`];
  return startProcess(path.join(dist, "bin/lodend"), [...flags, `--cni-socket=${socket}`, ...args], {
    env: { PATH: process.env["PATH"] },
  });
}

function statusOf(): Status | undefined {
  const file = path.join(directory.path, "loden.json");
  return existsSync(file) ? parseStatus(readFileSync(file, "utf8")) : undefined;
}

async function serving(lodend: Started, other?: number): Promise<number> {
  for (;;) {
    const status = statusOf();
    if (status?.pid === lodend.child.pid && status?.resident?.state === "serving" && status.resident.pid !== other) {
      return status.resident.pid!;
    }
    await sleep(10);
  }
}

/** Ends when a process does. */
async function gone(pid: number): Promise<void> {
  const fd = sys.pidfdOpen(pid);
  while (sys.poll([{ fd, events: 1, revents: 0 }], 0) === 0) await sleep(5);
  sys.close(fd);
}

function attach(command: string, sandbox: Sandbox): Record<string, unknown> | undefined {
  const ipam = { type: "host-local", subnet: "10.63.0.0/24", dataDir: path.join(directory.path, "networks") };
  const config = { cniVersion: "1.0.0", name: "net", type: "bridge", bridge: "res0", ipam };
  const variables = { LODEN_CNI_SOCKET: socket };
  const call = { command, directory: path.join(dist, "cni"), plugin: "bridge", config, netns: sandbox.path, variables };
  const outcome = callPlugin(call);
  expect(outcome.status, outcome.stdout).toBe(0);
  return outcome.document;
}

test("it serves beside the daemon, comes back when killed, and containers never notice", async () => {
  const lodend = startLodend();
  const first = await serving(lodend);
  using sandbox = new Sandbox(sys);
  const busy = (): number => Number(readFileSync(`/proc/${first}/schedstat`, "utf8").split(" ")[0]);
  const before = busy();
  expect(addressesOf(attach("ADD", sandbox))).toHaveLength(1);
  expect(busy()).toBeGreaterThan(before);
  process.kill(first, "SIGKILL");
  await gone(first).catch(() => undefined);
  attach("DEL", sandbox);
  const second = await serving(lodend, first);
  attach("ADD", sandbox);
  lodend.child.kill("SIGTERM");
  expect((await lodend.finished).status).toBe(0);
  expect(existsSync(`/proc/${second}`)).toBe(false);
  expect(existsSync(socket)).toBe(false);
  attach("DEL", sandbox);
});

test("it goes with a daemon that is killed", async () => {
  const lodend = startLodend();
  const pid = await serving(lodend);
  const ended = gone(pid);
  lodend.child.kill("SIGKILL");
  await ended;
  expect(existsSync(socket)).toBe(false);
});

test("an empty --cni-socket means none", async () => {
  const lodend = startLodend("--cni-socket=");
  while (statusOf()?.pid !== lodend.child.pid) await sleep(10);
  expect(statusOf()?.resident).toBeNull();
  lodend.child.kill("SIGTERM");
  await lodend.finished;
});
