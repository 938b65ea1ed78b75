// The text, addresses and environment of sd_notify(3); test/kernel/notify.test.ts sends them.
import { describe, expect, test } from "vitest";
import { notificationText, serviceManager, unixAddress } from "#kernel/notify";
import type { Sys } from "#kernel/sys";

/** Every call fails: nothing may be sent. */
const noSys = new Proxy({} as Sys, {
  get: (_, name) => () => {
    throw new Error(`unexpected call of ${String(name)}`);
  },
});

describe("notificationText", () => {
  test("is one assignment a line", () => {
    expect(
      notificationText({
        ready: true,
        stopping: false,
        status: "10.5.0.0/24 leased",
        watchdog: true,
        extendTimeoutMicroseconds: 2.5e6,
      }),
    ).toBe("READY=1\nSTATUS=10.5.0.0/24 leased\nWATCHDOG=1\nEXTEND_TIMEOUT_USEC=2500000");
    expect(notificationText({ stopping: true })).toBe("STOPPING=1");
  });

  test("a status cannot smuggle in another assignment", () => {
    expect(notificationText({ status: "bad\nMAINPID=1" })).toBe("STATUS=bad MAINPID=1");
  });
});

describe("unixAddress", () => {
  test("a path ends with a NUL, an abstract name begins with one", () => {
    expect([...unixAddress("/run/x")]).toEqual([1, 0, ...Buffer.from("/run/x\0")]);
    expect([...unixAddress("@x/y")]).toEqual([1, 0, ...Buffer.from("\0x/y")]);
  });

  test.each(["", "@", "/", "run/x", "/run/\0x", `/${"x".repeat(107)}`, `@${"x".repeat(108)}`])(
    "%j is refused",
    (name) => {
      expect(() => unixAddress(name)).toThrow(expect.objectContaining({ code: "ERR_CONFIG" }));
    },
  );
});

describe("serviceManager", () => {
  test("without NOTIFY_SOCKET takes everything and does nothing", () => {
    const manager = serviceManager(noSys, {});
    expect(manager.watchdogInterval).toBeUndefined();
    expect(manager.notify({ ready: true })).toBeUndefined();
  });

  test.each([
    [{ WATCHDOG_USEC: "3000000" }, 1500],
    [{ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "42" }, 1500],
    [{ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "41" }, undefined],
    [{ WATCHDOG_USEC: "0" }, undefined],
    [{ WATCHDOG_USEC: "soon" }, undefined],
    [{}, undefined],
  ])("%j asks for a sign of life every %s ms", (env, interval) => {
    expect(serviceManager(noSys, { NOTIFY_SOCKET: "@x", ...env }, 42).watchdogInterval).toBe(interval);
  });

  test("gives an error that names the socket when it cannot be reached", () => {
    const error = serviceManager(noSys, { NOTIFY_SOCKET: "/run/gone" }).notify({ ready: true });
    expect(error?.message).toContain("NOTIFY_SOCKET=/run/gone");
    expect(serviceManager(noSys, { NOTIFY_SOCKET: "relative" }).notify({ ready: true })).toMatchObject({
      code: "ERR_SYSCALL",
    });
  });
});
