// sd_notify(3) to a socket of our own, by path and by abstract name.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { serviceManager, unixAddress } from "#kernel/notify";

const [AF_UNIX, SOCK_DGRAM, MSG_DONTWAIT] = [1, 2, 0x40];
let temp: string;

beforeAll(() => {
  temp = mkdtempSync(path.join(tmpdir(), "loden-test-notify-"));
});
afterAll(() => rmSync(temp, { recursive: true, force: true }));

/** Binds a socket like a service manager's. */
function listen(name: string): Disposable & { next(): string } {
  const fd = sys.socket(AF_UNIX, SOCK_DGRAM, 0);
  sys.bind(fd, unixAddress(name));
  return {
    next() {
      const buffer = new Uint8Array(4096);
      const length = sys.receive(fd, buffer, MSG_DONTWAIT);
      return length < 0 ? `errno ${-length}` : new TextDecoder().decode(buffer.subarray(0, length));
    },
    [Symbol.dispose]: () => sys.close(fd),
  };
}

describe("serviceManager", () => {
  test.each([
    ["a path", () => path.join(temp, "notify")],
    ["an abstract name", () => `@loden-test-notify-${process.pid}`],
  ])("tells a socket with %s", (_, name) => {
    using manager = listen(name());
    const before = readdirSync("/proc/self/fd").length;
    const service = serviceManager(sys, { NOTIFY_SOCKET: name() });
    expect(service.notify({ ready: true, status: "leased 10.5.1.0/24" })).toBeUndefined();
    expect(manager.next()).toBe("READY=1\nSTATUS=leased 10.5.1.0/24");
    expect(service.notify({ watchdog: true })).toBeUndefined();
    expect(manager.next()).toBe("WATCHDOG=1");
    expect(service.notify({ stopping: true })).toBeUndefined();
    expect(manager.next()).toBe("STOPPING=1");
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  test("gives an error when nobody listens, or nobody reads, and never waits", () => {
    const name = path.join(temp, "silent");
    const service = serviceManager(sys, { NOTIFY_SOCKET: name });
    expect(service.notify({ ready: true })?.message).toMatch(/silent cannot be told: sendto: ENOENT/);
    using manager = listen(name);
    let error: Error | undefined;
    for (let i = 0; i < 10_000 && error === undefined; i++) error = service.notify({ watchdog: true });
    expect(error?.message).toContain("EAGAIN");
    expect(manager.next()).toBe("WATCHDOG=1");
  });
});
