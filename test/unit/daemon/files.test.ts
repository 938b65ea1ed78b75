// The files beside the subnet file: written whole or not at all, with their modes, and read back.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { sys } from "#sys";
import { Prefix } from "#kernel/ip/prefix";
import { LodenError } from "#spec/errors";
import { parseStatus, statusPaths } from "#spec/status";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemFiles } from "../../../daemon/atomic-file.ts";
import { describeStatus, runStatus } from "../../../daemon/cli/status.ts";
import { parseNetwork } from "../../../daemon/lease/network.ts";
import { silentLog } from "../../../daemon/log.ts";
import { StatusBoard, takeLock } from "../../../daemon/status-board.ts";
import { readPreviousSubnets, subnetFileText, writeSubnetFile } from "../../../daemon/subnet-file.ts";
import { Troubles } from "../../../daemon/troubles.ts";
import { ManualClock } from "../../support/manual-clock.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "loden-files-"));
  file = path.join(directory, "run/flannel/subnet.env");
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe("the subnet file", () => {
  const dual = parseNetwork(
    '{"Network":"10.42.0.0/16","EnableIPv6":true,"IPv6Network":"2001:cafe:42::/56","Backend":{"Type":"vxlan"}}',
  );
  const subnet = { 4: Prefix.parse("10.42.3.0/24"), 6: Prefix.parse("2001:cafe:42:3::/64") };

  test("has flannel's bytes", () => {
    expect(subnetFileText(dual, subnet, 1450, true)).toBe(
      "FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.3.1/24\nFLANNEL_IPV6_NETWORK=2001:cafe:42::/56\n" +
        "FLANNEL_IPV6_SUBNET=2001:cafe:42:3::1/64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
    );
    const single = parseNetwork('{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan"}}');
    expect(subnetFileText(single, { 4: subnet[4] }, 1500, false)).toBe(
      "FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.3.1/24\nFLANNEL_MTU=1500\nFLANNEL_IPMASQ=false\n",
    );
  });

  test("is written with its directory and modes, whatever the umask, and nothing else", () => {
    const before = process.umask(0o077);
    try {
      writeSubnetFile(systemFiles, file, "A=1\n");
    } finally {
      process.umask(before);
    }
    expect(readFileSync(file, "utf8")).toBe("A=1\n");
    expect(statSync(file).mode & 0o777).toBe(0o644);
    expect(readdirSync(path.dirname(file))).toEqual(["subnet.env"]);
  });

  test("that says the same already is left alone", () => {
    writeSubnetFile(systemFiles, file, "A=1\n");
    const { ino } = statSync(file);
    writeSubnetFile(systemFiles, file, "A=1\n");
    expect(statSync(file).ino).toBe(ino);
    writeSubnetFile(systemFiles, file, "A=2\n");
    expect(statSync(file).ino).not.toBe(ino);
  });

  test("that cannot be written is named", () => {
    writeFileSync(path.join(directory, "run"), "a file where a directory should be");
    expect(() => writeSubnetFile(systemFiles, file, "A=1\n")).toThrowError(
      expect.objectContaining({ code: "ERR_SUBNET_ENV" }),
    );
    expect(() => writeSubnetFile(systemFiles, file, "A=1\n")).toThrowError(
      /--subnet-file .*subnet\.env cannot be written/,
    );
  });

  test("gives the previous subnets back, without their host bits", () => {
    writeSubnetFile(systemFiles, file, subnetFileText(dual, subnet, 1450, true));
    expect(JSON.stringify(readPreviousSubnets(systemFiles, file))).toBe(
      '{"4":"10.42.3.0/24","6":"2001:cafe:42:3::/64"}',
    );
  });

  test.each(["", "nonsense", "FLANNEL_SUBNET=\n", "FLANNEL_SUBNET=10.1.1.1\n", "FLANNEL_SUBNET=fd00::1/64\n"])(
    "with %j tells of no previous subnet",
    (text) => {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, text);
      expect(readPreviousSubnets(systemFiles, file)).toBeUndefined();
    },
  );

  test("that is absent tells of none", () => {
    expect(readPreviousSubnets(systemFiles, file)).toBeUndefined();
  });
});

describe("the lock", () => {
  test("keeps a second daemon off the same subnet file, and only that", () => {
    const held = takeLock(sys, file);
    expect(() => takeLock(sys, file)).toThrowError(/another lodend serves .*subnet\.env/);
    takeLock(sys, path.join(path.dirname(file), "other.env"))[Symbol.dispose]();
    held[Symbol.dispose]();
    takeLock(sys, file)[Symbol.dispose]();
  });

  test("needs a directory that can be made", () => {
    writeFileSync(path.join(directory, "run"), "");
    expect(() => takeLock(sys, file)).toThrowError(expect.objectContaining({ code: "ERR_CONFIG" }));
  });
});

describe("the status file", () => {
  const clock = new ManualClock();

  function makeBoard() {
    const troubles: Troubles = new Troubles(clock, silentLog, () => board.changed());
    const sources = { bootId: "boot", subnetFile: file, storeName: "http://store" };
    const board: StatusBoard = new StatusBoard(sources, systemFiles, clock, silentLog, troubles);
    return { board, troubles };
  }
  const written = () => parseStatus(readFileSync(statusPaths(file).status, "utf8"))!;

  test("follows phase, readiness and faults", async () => {
    const { board, troubles } = makeBoard();
    board.enter("config", "waiting for the store");
    expect(written()).toMatchObject({
      phase: "config",
      ready: false,
      bootId: "boot",
      pid: process.pid,
      reason: { code: "ERR_NOT_READY", text: "waiting for the store" },
      lease: null,
      problems: [],
    });
    expect(statSync(statusPaths(file).status).mode & 0o777).toBe(0o644);

    troubles.report("store", new LodenError("ERR_STORE_UNAVAILABLE", "it does not answer"));
    await clock.advance(1_000);
    expect(written()).toMatchObject({
      reason: { code: "ERR_STORE_UNAVAILABLE", text: "it does not answer" },
      store: { name: "http://store", trouble: { code: "ERR_STORE_UNAVAILABLE" } },
    });

    troubles.report("store", undefined);
    board.setReady(undefined);
    expect(written()).toMatchObject({ phase: "running", ready: true, reason: null, problems: [] });
    troubles.report("config", new LodenError("ERR_CONFIG", "it has changed"));
    await clock.advance(1_000);
    expect(written()).toMatchObject({ ready: true, reason: null, problems: [{ text: "it has changed" }] });

    board.setReady(new LodenError("ERR_NETLINK", "no device"));
    expect(written()).toMatchObject({
      phase: "running",
      ready: false,
      reason: { code: "ERR_NETLINK", text: "no device" },
    });
    board.end("failed", new LodenError("ERR_PRIVILEGE", "not root"));
    expect(written()).toMatchObject({ phase: "failed", ready: false, reason: { code: "ERR_PRIVILEGE" } });
  });

  test("stands beside its subnet file, under a name of its own where that is not subnet.env", () => {
    expect(statusPaths("/run/flannel/subnet.env")).toEqual({
      status: "/run/flannel/loden.json",
      lock: "/run/flannel/loden.lock",
      socket: "/run/flannel/loden.sock",
    });
    expect(statusPaths("/vxlan.env").status).toBe("/vxlan.env.loden.json");
    expect(statusPaths("subnet.env").lock).toBe("loden.lock");
  });

  test.each([
    "",
    "{",
    "null",
    "[]",
    '{"format":1}',
    '{"format":2,"pid":1,"bootId":"","ready":true,"phase":"running","reason":null}',
  ])("that says %j is none", (text) => {
    expect(parseStatus(text)).toBeUndefined();
  });

  test("is told by loden status in words", async () => {
    const { board, troubles } = makeBoard();
    board.enter("lease", "waiting for a subnet");
    troubles.report("lease", new LodenError("ERR_OUT_OF_SUBNETS", "out of subnets"));
    await clock.advance(1_000);
    const status = written();
    expect(describeStatus(status, true, "boot")).toMatch(
      /^not ready, in phase lease: out of subnets \[ERR_OUT_OF_SUBNETS/,
    );
    expect(describeStatus(status, false, "boot")).toMatch(/^lodend is not running; the data path is as it was left/);
    expect(describeStatus(status, false, "another")).toMatch(/^lodend is not running since the last boot/);
  });

  test.each<[string, boolean, string, number]>([
    ["nothing", false, "", 3],
    ["a lock", true, "", 1],
    ["a ready daemon", true, "ready", 0],
    ["a daemon on its way", true, "starting", 1],
    ["a daemon that is gone", false, "ready", 3],
  ])("of %s gives scripts an exit status", async (_, isAlive, state, expected) => {
    const { board } = makeBoard();
    if (state === "ready") board.setReady(undefined);
    if (state === "starting") board.enter("config", "waiting");
    using _lock = isAlive ? takeLock(sys, file) : undefined;
    const printed = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    try {
      expect(await runStatus(["--subnet-file", file])).toBe(expected);
      expect(printed).toHaveBeenCalledOnce();
    } finally {
      printed.mockRestore();
    }
  });

  test("in a directory that cannot be written is logged and harmless", () => {
    const { board } = makeBoard();
    board.enter("config", "waiting");
    chmodSync(statusPaths(file).status, 0o644);
    rmSync(path.join(directory, "run"), { recursive: true });
    writeFileSync(path.join(directory, "run"), "");
    expect(() => board.setReady(undefined)).not.toThrow();
  });
});
