// `loden demo` through the executables that a build makes: hosts, store, daemons, containers, all pairs, and nothing of
// it left behind.
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { enterFreshNetns } from "../support/netns.ts";
import { runProcess, startProcess } from "../support/processes.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const loden = path.join(dist, "bin/loden");
let temp: string;

beforeAll(() => {
  // A machine of our own: nobody else's links come and go in it.
  enterFreshNetns();
  temp = mkdtempSync(path.join(tmpdir(), "loden-test-demo-"));
});
afterAll(() => rmSync(temp, { recursive: true, force: true }));

/** The demo keeps its folder under TMPDIR: one of our own tells our demo's leavings from others'. */
const environment = (extra: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  TMPDIR: temp,
  ...extra,
});

/** Processes that have our temporary folder in their command line. */
function processesOfOurs(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return commandLine.includes(temp) ? [`${pid} ${commandLine}`] : [];
      } catch {
        return [];
      }
    });
}

/** Names of links and namespaces on the machine itself. */
const linksHere = (): string[] =>
  readFileSync("/proc/net/dev", "utf8")
    .match(/^\s*\S+(?=:)/gm)
    ?.map((s) => s.trim()) ?? [];

describe("loden demo --check", () => {
  test.each([
    [[], 30],
    [["--store=etcd"], 30],
    [["--backend", "host-gw"], 30],
    [["--backend", "udp", "--ipv6", "--hosts=2"], 12],
    [["--backend", "udp", "--datapath", "userspace", "--ipv6", "--hosts=2"], 12],
    [["--hosts", "5", "--containers", "1"], 20],
    [["-hosts=1", "-containers=1"], 0],
    [["--ipv6-only", "--hosts=2"], 12],
  ])("%j: every pair is reachable", async (args, pairs) => {
    const before = linksHere();
    const done = await runProcess(loden, ["demo", "--check", ...args], { env: environment() });
    expect(done.stdout + done.stderr).toContain(`pairs reachable: ${pairs}/${pairs}`);
    expect(done.status).toBe(0);
    expect(readdirSync(temp)).toEqual([]);
    expect(processesOfOurs()).toEqual([]);
    expect(linksHere()).toEqual(before);
  });

  test.each([["vxlan"], ["host-gw"]])(
    "--ipv6 --backend=%s: every pair is reachable over both families",
    async (backend) => {
      const args = ["demo", "--check", "--ipv6", "--hosts=3", "--containers=1", `--backend=${backend}`];
      const done = await runProcess(loden, args, { env: environment() });
      expect(done.stdout + done.stderr).toContain("pairs reachable: 6/6 over IPv4, 6/6 over IPv6");
      expect(done.status).toBe(0);
    },
  );

  test.each([
    [["--hosts=0"], /--hosts takes a number from 1 to 20, not 0/],
    [["--hosts=x"], /--hosts takes a whole number, not "x"/],
    [["--backend=carrier-pigeon"], /--backend takes vxlan or host-gw/],
    [["--ipv6", "--ipv6-only"], /--ipv6 and --ipv6-only exclude each other/],
    [["--store=paper"], /--store takes embedded or etcd/],
    [["--chek"], /flag provided but not defined: --chek.*did you mean --check/],
    [["surplus"], /unexpected argument "surplus"/],
  ])("refuses %j", async (args, text) => {
    const done = await runProcess(loden, ["demo", ...args], { env: environment() });
    expect(done.stderr).toMatch(text);
    expect(done.status).toBe(2);
  });
});

describe("loden demo", () => {
  test("shows the table until Ctrl-C, then takes everything away and exits 0", async () => {
    const demo = startProcess(loden, ["demo", "--hosts=2", "--containers=1"], { env: environment() });
    await demo.printed(/pairs reachable: 2\/2/);
    demo.child.kill("SIGINT");
    const done = await demo.finished;
    expect(done).toMatchObject({ status: 0, stderr: "" });
    expect(readdirSync(temp)).toEqual([]);
    expect(processesOfOurs()).toEqual([]);
  });

  test("killed with -9, it leaves no process, and the next run removes its folder", async () => {
    const demo = startProcess(loden, ["demo", "--hosts=2", "--containers=1"], { env: environment() });
    await demo.printed(/pairs reachable: 2\/2/);
    const children = processesOfOurs().map((line) => path.join("/proc", line.split(" ")[0] ?? ""));
    expect(children.length).toBeGreaterThanOrEqual(3);
    demo.child.kill("SIGKILL");
    await demo.finished;
    await expect.poll(() => children.filter(isAlive)).toEqual([]);
    const next = await runProcess(loden, ["demo", "--check", "--hosts=2", "--containers=1"], { env: environment() });
    expect(next.stdout).toContain("pairs reachable: 2/2");
    expect(readdirSync(temp)).toEqual([]);
  });

  test("a daemon that dies ends the demo with its last words and status 1", async () => {
    const demo = startProcess(loden, ["demo", "--hosts=2", "--containers=1"], { env: environment() });
    await demo.printed(/pairs reachable: 2\/2/);
    const daemon = processesOfOurs().find((line) => line.includes("lodend.js") && line.includes("host2"));
    process.kill(Number(daemon?.split(" ")[0]), "SIGKILL");
    const done = await demo.finished;
    expect(done.stdout).toMatch(/The demo failed: lodend on host2 ended with SIGKILL/);
    expect(done.status).toBe(1);
    expect(readdirSync(temp)).toEqual([]);
  });
});

/** A zombie whose parent died is reaped by init in its own time; it holds nothing any more. */
function isAlive(procPath: string): boolean {
  if (!existsSync(procPath)) return false;
  try {
    readlinkSync(`${procPath}/exe`);
    return true;
  } catch {
    return false;
  }
}
