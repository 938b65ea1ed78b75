// dist/ by itself: copied elsewhere, on a PATH without Node or npm, it runs a fabric of two hosts.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runProcess } from "../support/processes.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
let temp: string;
let installed: string;
let environment: NodeJS.ProcessEnv;

beforeAll(() => {
  temp = mkdtempSync(path.join(tmpdir(), "loden-test-dist-"));
  installed = path.join(temp, "opt/loden");
  cpSync(dist, installed, { recursive: true });
  // All that the launchers and the demo call; every Debian has these (coreutils, util-linux).
  const bin = path.join(temp, "bin");
  mkdirSync(bin);
  for (const tool of ["readlink", "setpriv"]) symlinkSync(`/usr/bin/${tool}`, path.join(bin, tool));
  environment = { PATH: bin, TMPDIR: temp };
});
afterAll(() => rmSync(temp, { recursive: true, force: true }));

test("daemon, command line, store and plugins run a two-host fabric", async () => {
  const done = await runProcess(path.join(installed, "bin/loden"), ["demo", "--check", "--hosts=2"], {
    env: environment,
  });
  expect(done.stdout + done.stderr).toContain("pairs reachable: 12/12");
  expect(done.status).toBe(0);
});

test.each(["lodend", "loden"])("%s tells its version through a symbolic link as well", async (name) => {
  const link = path.join(temp, `link-to-${name}`);
  if (!existsSync(link)) symlinkSync(path.join(installed, "bin", name), link);
  const done = await runProcess(link, ["--version"], { env: environment });
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  expect(done.stdout + done.stderr).toContain(version);
  expect(done.status).toBe(0);
});

test("the CNI executables are one file", () => {
  const inodes = ["flannel", "bridge", "host-local", "loopback"].map(
    (name) => statSync(path.join(dist, "cni", name)).ino,
  );
  expect(new Set(inodes).size).toBe(1);
});
