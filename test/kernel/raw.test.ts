// Echo probes over real links: loopback, a neighbour, a router that answers with errors, and one that does not answer.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { Address, FAMILIES } from "#kernel/ip/address";
import { openProber } from "#kernel/raw";
import type { Prober } from "#kernel/raw";
import { writeSysctl } from "#kernel/sysctl";
import { enterFreshNetns, iproute, throwAwayNetns } from "../support/netns.ts";

// This host (a), a router (b) and a host behind it (c): a 10.1.0.1 -- 10.1.0.2 b 10.2.0.1 -- 10.2.0.2 c; fd01::, fd02:: alike.
const NETS = {
  4: { first: "10.1.0.", second: "10.2.0.", bits: "24" },
  6: { first: "fd01::", second: "fd02::", bits: "64" },
};
const router = { space: undefined as ReturnType<typeof throwAwayNetns> | undefined };

const add = (device: string, text: string, bits: string): void => {
  iproute("addr", "add", `${text}/${bits}`, "dev", device, ...(text.includes(":") ? ["nodad"] : []));
  iproute("link", "set", device, "up");
};

/** Without the one of the listing itself. */
const descriptors = (): string[] => readdirSync("/proc/self/fd").filter((fd) => existsSync(`/proc/self/fd/${fd}`));
/** Without duplicate address detection, which holds up link-local addresses for seconds. */
const skipDetection = (): void => writeSysctl("net/ipv6/conf/default/accept_dad", "0");
const address = (text: string): Address => Address.parse(text);

beforeAll(() => {
  enterFreshNetns();
  const b = throwAwayNetns();
  const c = throwAwayNetns();
  router.space = b;
  for (const run of [skipDetection, () => b.run(skipDetection), () => c.run(skipDetection)]) run();
  const [bPath, cPath] = [b.path, c.path];
  iproute("link", "add", "a-b", "type", "veth", "peer", "name", "b-a", "netns", bPath);
  b.run(() => iproute("link", "add", "b-c", "type", "veth", "peer", "name", "c-b", "netns", cPath));
  for (const family of FAMILIES) {
    const { first, second, bits } = NETS[family];
    const flag = `-${family}`;
    add("a-b", `${first}1`, bits);
    iproute(flag, "route", "add", "default", "via", `${first}2`);
    b.run(() => {
      add("b-a", `${first}2`, bits);
      add("b-c", `${second}1`, bits);
      writeSysctl(family === 4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding", "1");
      iproute(flag, "route", "add", "prohibit", family === 4 ? "10.3.0.0/24" : "fd03::/64");
      iproute(flag, "route", "add", "blackhole", family === 4 ? "10.4.0.0/24" : "fd04::/64");
    });
    c.run(() => {
      add("c-b", `${second}2`, bits);
      iproute(flag, "route", "add", "default", "via", `${second}1`);
    });
  }
});

describe.each(FAMILIES)("probes over IPv%i", (family) => {
  const { first, second } = NETS[family];
  const far = (net: number): Address => address(family === 4 ? `10.${net}.0.9` : `fd0${net}::9`);
  let prober: Prober;
  beforeAll(() => {
    prober = openProber(sys, family);
  });
  afterAll(() => prober.close());

  test.each([
    ["loopback", family === 4 ? "127.0.0.1" : "::1"],
    ["a neighbour", `${first}2`],
    ["a host behind a router", `${second}2`],
  ])("come back from %s with their time", async (_, target) => {
    for (let i = 0; i < 3; i++) {
      const time = await prober.probe(address(target), { timeoutMs: 5000 });
      expect(time).toBeGreaterThan(0);
      expect(time).toBeLessThan(5000);
    }
  });

  test("may be as small as their mark and as large as many fragments", async () => {
    for (const size of [8, 56, 1400, 9000, 60_000]) {
      expect(await prober.probe(address(`${second}2`), { timeoutMs: 5000, size })).toBeGreaterThan(0);
    }
  });

  test("that may not be cut find a narrow link behind the router, and no others do", async () => {
    const headers = family === 4 ? 28 : 48;
    const target = address(`${second}2`);
    router.space!.run(() => iproute("link", "set", "b-c", "mtu", "1400"));
    try {
      const whole = (length: number): Promise<number> =>
        prober.probe(target, { timeoutMs: 5000, size: length - headers, wholeOnly: true });
      expect(await whole(1400)).toBeGreaterThan(0);
      for (let attempt = 0; attempt < 2; attempt++) {
        await expect(whole(1401)).rejects.toMatchObject({ reason: "packet-too-big" });
      }
      // More than this host's own link takes.
      await expect(whole(1501)).rejects.toMatchObject({ reason: "not-sent" });
      // IPv6 hosts cut by themselves, once they know.
      const options = { timeoutMs: 5000, size: 1403 - headers };
      expect(await prober.probe(target, options).catch(() => prober.probe(target, options))).toBeGreaterThan(0);
    } finally {
      router.space!.run(() => iproute("link", "set", "b-c", "mtu", "1500"));
    }
  });

  test("many at once do not mix", async () => {
    const targets = Array.from({ length: 200 }, (_, i) => address(i % 2 === 0 ? `${first}2` : `${second}2`));
    const times = await Promise.all(targets.map((target) => prober.probe(target, { timeoutMs: 10_000 })));
    expect(times.every((time) => time > 0)).toBe(true);
  });

  test("of two probers do not mix", async () => {
    using other = openProber(sys, family);
    const target = address(`${first}2`);
    await Promise.all([other, prober, other, prober].map((one) => one.probe(target, { timeoutMs: 5000 })));
  });

  test("say who let them go no further", async () => {
    await expect(prober.probe(address(`${second}2`), { timeoutMs: 5000, ttl: 1 })).rejects.toMatchObject({
      code: "ERR_PROBE",
      reason: "time-exceeded",
      message: expect.stringContaining(`${first}2 says: time exceeded`),
    });
    // The next one goes all the way again.
    expect(await prober.probe(address(`${second}2`), { timeoutMs: 5000 })).toBeGreaterThan(0);
  });

  test("say who refused them", async () => {
    await expect(prober.probe(far(3), { timeoutMs: 5000 })).rejects.toMatchObject({
      code: "ERR_PROBE",
      reason: "unreachable",
      message: expect.stringContaining(`no reply from ${far(3).toString()}: ${first}2 says: unreachable`),
      fields: { target: far(3).toString(), reason: "unreachable" },
    });
  });

  test("fail when no answer comes in time", async () => {
    await expect(prober.probe(far(4), { timeoutMs: 50 })).rejects.toMatchObject({
      code: "ERR_PROBE",
      reason: "timeout",
    });
  });

  test("fail when the kernel does not send them", async () => {
    using space = throwAwayNetns();
    using lonely = space.run(() => openProber(sys, family));
    await expect(lonely.probe(far(2), { timeoutMs: 5000 })).rejects.toMatchObject({
      reason: "not-sent",
      message: expect.stringMatching(/unreachable/i),
    });
  });

  test("end when they are told to", async () => {
    const controller = new AbortController();
    const probe = prober.probe(far(4), { timeoutMs: 60_000, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(probe).rejects.toThrow("enough");
    await expect(prober.probe(far(4), { timeoutMs: 1000, signal: controller.signal })).rejects.toThrow("enough");
  });

  test("end when their prober is closed, and it takes no more", async () => {
    const closing = openProber(sys, family);
    const probes = [1, 2, 3].map(() => closing.probe(far(4), { timeoutMs: 60_000 }));
    closing.close();
    closing.close();
    for (const probe of probes) await expect(probe).rejects.toMatchObject({ reason: "not-sent" });
    await expect(closing.probe(far(4), { timeoutMs: 1000 })).rejects.toMatchObject({ reason: "not-sent" });
  });

  test.each([
    [{ size: 7 }, /size 7/],
    [{ size: 65_508 }, /size 65508/],
    [{ ttl: 0 }, /ttl 0/],
    [{ ttl: 256 }, /ttl 256/],
  ])("with %j are refused", async (options, message) => {
    await expect(prober.probe(address(`${first}2`), { timeoutMs: 1000, ...options })).rejects.toMatchObject({
      code: "ERR_USAGE",
      message: expect.stringMatching(message),
    });
  });

  test("to the other family are refused", async () => {
    const other = address(family === 4 ? "::1" : "127.0.0.1");
    await expect(prober.probe(other, { timeoutMs: 1000 })).rejects.toMatchObject({ code: "ERR_USAGE" });
  });

  test("stay in the namespace of their prober", async () => {
    using inside = router.space!.run(() => openProber(sys, family));
    const target = address(`${second}2`);
    const routed = await prober.probe(target, { timeoutMs: 5000, ttl: 2 });
    const direct = await inside.probe(target, { timeoutMs: 5000, ttl: 1 });
    expect([routed, direct].every((time) => time > 0)).toBe(true);
  });

  test("leave no descriptor, and give none to child processes", () => {
    const before = descriptors();
    const opened = openProber(sys, family);
    const made = descriptors().filter((fd) => !before.includes(fd));
    const flags = made.map((fd) => /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1]);
    expect(flags).toHaveLength(1);
    expect(Number.parseInt(flags[0]!, 8) & 0o2000000).toBe(0o2000000);
    opened.close();
    expect(descriptors()).toEqual(before);
  });
});
