// Network namespaces, held against ip-netns(8) and /proc.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import {
  anonymousNetns,
  createNetns,
  deleteNetns,
  isNetns,
  netnsIdentity,
  openNetns,
  sameNetns,
  withNetns,
} from "#kernel/netns";
import type { Sys } from "#kernel/sys";
import { enterFreshNetnsWithNames, iproute, throwAwayNetns } from "../support/netns.ts";

let temp: string;

beforeAll(() => {
  enterFreshNetnsWithNames();
  temp = mkdtempSync(path.join(tmpdir(), "loden-test-netns-"));
});
afterAll(() => rmSync(temp, { recursive: true, force: true }));

const current = (): string => readlinkSync("/proc/thread-self/ns/net");
const failing = (): never => {
  throw new RangeError("inside");
};
const descriptors = (): number => readdirSync("/proc/self/fd").length;

describe("withNetns", () => {
  test("runs in the namespace, by path and by descriptor, and comes back", () => {
    using space = throwAwayNetns();
    const [own, before] = [current(), descriptors()];
    const inside = withNetns(sys, space.path, current);
    expect(inside).not.toBe(own);
    expect(withNetns(sys, space.fd, current)).toBe(inside);
    expect(current()).toBe(own);
    expect(descriptors()).toBe(before);
  });

  test("comes back when the function throws", () => {
    using space = throwAwayNetns();
    const [own, before] = [current(), descriptors()];
    expect(() => withNetns(sys, space.path, failing)).toThrow(RangeError);
    expect(current()).toBe(own);
    expect(descriptors()).toBe(before);
  });

  test("nests", () => {
    using outer = throwAwayNetns();
    using inner = throwAwayNetns();
    const own = current();
    withNetns(sys, outer.fd, () => {
      const name = current();
      withNetns(sys, inner.fd, () => expect(sameNetns(sys, inner.fd)).toBe(true));
      expect(current()).toBe(name);
    });
    expect(current()).toBe(own);
  });

  test("gives its namespace to the processes started within", () => {
    using space = throwAwayNetns();
    const inside = withNetns(sys, space.fd, () =>
      execFileSync("readlink", ["/proc/self/ns/net"], { encoding: "utf8" }),
    );
    expect(inside.trim()).toBe(withNetns(sys, space.fd, current));
  });

  test("refuses an asynchronous function, which would go on outside", () => {
    using space = throwAwayNetns();
    const own = current();
    expect(() => withNetns(sys, space.fd, async () => undefined)).toThrow(
      expect.objectContaining({ code: "ERR_INTERNAL" }),
    );
    expect(current()).toBe(own);
  });

  test.each([
    ["absent", () => path.join(temp, "nonexistent")],
    ["absent", () => "/proc/4194303/ns/net"],
    ["absent", () => "/etc/passwd/netns"],
    ["not-a-namespace", () => "/etc/passwd"],
    ["not-a-namespace", () => temp],
    ["not-a-namespace", () => "/proc/self/ns/mnt"],
    ["not-a-namespace", () => "/proc/self/status"],
    [
      "not-a-namespace",
      () => {
        const fifo = path.join(temp, "fifo");
        execFileSync("mkfifo", [fifo]);
        return fifo;
      },
    ],
  ])("tells a path that is %s", (reason, make) => {
    const [file, before] = [make(), descriptors()];
    expect(() => withNetns(sys, file, failing)).toThrow(
      expect.objectContaining({
        code: "ERR_NETNS",
        fields: { netns: file, reason },
        message: expect.stringContaining(file),
      }),
    );
    expect(isNetns(sys, file)).toBe(false);
    expect(descriptors()).toBe(before);
  });

  test("tells a descriptor that is no network namespace", () => {
    const fd = sys.open("/proc/self/ns/mnt", 0);
    expect(() => withNetns(sys, fd, current)).toThrow(
      expect.objectContaining({ fields: { netns: `descriptor ${fd}`, reason: "not-a-namespace" } }),
    );
    sys.close(fd);
  });

  test("ends the process when the thread cannot come back", () => {
    const script = fileURLToPath(new URL("../support/netns-process.ts", import.meta.url));
    const { signal, stdout, stderr } = spawnSync(process.execPath, [script, "stranded"], {
      encoding: "utf8",
      cwd: temp,
    });
    expect({ signal, stdout }).toEqual({ signal: "SIGABRT", stdout: "inside\n" });
    expect(stderr).toContain("cannot return to its network namespace");
  });

  test("without the capability says which one it takes", () => {
    using space = throwAwayNetns();
    const script = fileURLToPath(new URL("../support/netns-process.ts", import.meta.url));
    const without = [
      "--bounding-set=-sys_admin",
      "--inh-caps=-sys_admin",
      process.execPath,
      script,
      "enter",
      space.path,
    ];
    const { status, stdout, stderr } = spawnSync("setpriv", without, { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      code: "ERR_PRIVILEGE",
      message: expect.stringContaining("CAP_SYS_ADMIN"),
    });
  });
});

describe("named namespaces", () => {
  test("are those of ip netns", () => {
    const own = current();
    createNetns(sys, "/run/netns/made");
    expect(current()).toBe(own);
    expect(isNetns(sys, "/run/netns/made")).toBe(true);
    expect(iproute("netns", "list").trim()).toBe("made");
    expect(iproute("-n", "made", "-br", "link")).toMatch(/^lo\s+DOWN/);
    expect(statSync("/run/netns/made").nlink).toBe(1);
    deleteNetns(sys, "/run/netns/made");
    expect(iproute("netns", "list")).toBe("");
    expect(existsSync("/run/netns/made")).toBe(false);

    iproute("netns", "add", "theirs");
    expect(withNetns(sys, "/run/netns/theirs", current)).not.toBe(own);
    deleteNetns(sys, "/run/netns/theirs");
    expect(iproute("netns", "list")).toBe("");
  });

  test("may lie anywhere", () => {
    const file = path.join(temp, "deep/er/netns");
    createNetns(sys, file);
    expect(isNetns(sys, file)).toBe(true);
    deleteNetns(sys, file);
    expect(existsSync(file)).toBe(false);
  });

  test("are not made twice, and what stands there stays", () => {
    const file = path.join(temp, "twice");
    createNetns(sys, file);
    const identity = netnsIdentity(sys, file);
    const again = (): void => createNetns(sys, file);
    expect(again).toThrow(expect.objectContaining({ code: "ERR_NETNS", fields: { netns: file, reason: "exists" } }));
    expect(netnsIdentity(sys, file)).toBe(identity);
    deleteNetns(sys, file);
  });

  test("are deleted as often as one likes, also what a crash left of them", () => {
    const file = path.join(temp, "left");
    deleteNetns(sys, file);
    writeFileSync(file, "");
    expect(isNetns(sys, file)).toBe(false);
    deleteNetns(sys, file);
    expect(existsSync(file)).toBe(false);
  });

  test("live on while somebody uses them", () => {
    const file = path.join(temp, "used");
    createNetns(sys, file);
    const fd = openNetns(sys, file);
    deleteNetns(sys, file);
    expect(withNetns(sys, fd, () => iproute("-br", "link"))).toMatch(/^lo/);
    sys.close(fd);
  });

  test("leave no file when they cannot be made", () => {
    const mountless: Sys = {
      ...sys,
      mount() {
        throw new Error("no mount");
      },
    };
    const [file, own] = [path.join(temp, "failed"), current()];
    expect(() => createNetns(mountless, file)).toThrow("no mount");
    expect(existsSync(file)).toBe(false);
    expect(current()).toBe(own);
  });
});

describe("identity", () => {
  test("tells namespaces apart, however they are named", () => {
    using a = throwAwayNetns();
    using b = throwAwayNetns();
    expect(sameNetns(sys, a.fd, a.path)).toBe(true);
    expect(sameNetns(sys, a.fd, b.fd)).toBe(false);
    expect(sameNetns(sys, "/proc/self/ns/net")).toBe(true);
    expect(sameNetns(sys, a.path)).toBe(false);
    expect(() => sameNetns(sys, "/nonexistent")).toThrow(expect.objectContaining({ code: "ERR_NETNS" }));
  });

  test("an anonymous namespace goes with its descriptor", () => {
    const fd = anonymousNetns(sys);
    const file = `/proc/self/fd/${fd}`;
    expect(isNetns(sys, file)).toBe(true);
    sys.close(fd);
    expect(isNetns(sys, file)).toBe(false);
  });
});
