// Sysctls of this process's own network namespace, held against /proc.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { readSysctl, writeSysctl } from "#kernel/sysctl";
import { enterFreshNetns, throwAwayNetns } from "../support/netns.ts";

beforeAll(() => enterFreshNetns());

describe("sysctl", () => {
  test("are read and written, in either spelling", () => {
    writeSysctl("net.ipv4.ip_forward", "1");
    expect(readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8")).toBe("1\n");
    expect(readSysctl("net/ipv4/ip_forward")).toBe("1");
    writeSysctl("net/ipv4/ip_forward", "0");
    expect(readSysctl("net.ipv4.ip_forward")).toBe("0");
  });

  test("are those of the thread's namespace", () => {
    using space = throwAwayNetns();
    space.run(() => writeSysctl("net/ipv4/conf/lo/rp_filter", "2"));
    expect(space.run(() => readSysctl("net/ipv4/conf/lo/rp_filter"))).toBe("2");
    expect(readSysctl("net/ipv4/conf/lo/rp_filter")).not.toBe("2");
  });

  test("of several values come as they are", () => {
    writeSysctl("net/ipv4/ip_local_port_range", "40000 50000");
    expect(readSysctl("net/ipv4/ip_local_port_range")).toBe("40000\t50000");
  });

  test.each([
    ["net/ipv4/nonexistent", "1", "ERR_SYSCALL", /net\/ipv4\/nonexistent cannot be set.*no such parameter/],
    ["net/ipv4/ip_forward", "yes", "ERR_SYSCALL", /net\/ipv4\/ip_forward cannot be set to "yes".*does not take/],
    ["kernel/ostype", "Plan 9", "ERR_PRIVILEGE", /kernel\/ostype/],
  ])("%s = %j is refused", (name, value, code, message) => {
    expect(() => writeSysctl(name, value)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  test("on a read-only /proc/sys say so", () => {
    const script = fileURLToPath(new URL("../support/sysctl-process.ts", import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({
      code: "ERR_PRIVILEGE",
      message: expect.stringContaining("/proc/sys must be writable"),
    });
  });
});
