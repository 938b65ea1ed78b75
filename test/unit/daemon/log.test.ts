// Log lines: stable names, errors with their codes and causes, no secrets; faults told once.
import { LodenError } from "#spec/errors";
import { describe, expect, test } from "vitest";
import { requireNetAdmin } from "../../../daemon/capability.ts";
import { createLog, describeError } from "../../../daemon/log.ts";
import type { LogFormat } from "../../../daemon/log-settings.ts";
import { Troubles } from "../../../daemon/troubles.ts";
import { ManualClock } from "../../support/manual-clock.ts";

async function logTo(format: LogFormat, terminal = false) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, log: await createLog({ level: "debug", format, terminal, destination }) };
}

describe("createLog", () => {
  test("writes JSON with the names of spec/logging.md", async () => {
    const { lines, log } = await logTo("auto");
    log.child({ component: "lease" }).info({ lease: "10.5.1.0-24", ttlSeconds: 5 }, "hello");
    expect(JSON.parse(lines[0]!)).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      level: "info",
      component: "lease",
      lease: "10.5.1.0-24",
      ttlSeconds: 5,
      msg: "hello",
    });
  });

  test("writes text on a terminal", async () => {
    const { lines, log } = await logTo("auto", true);
    log.warn({ count: 3 }, "hello");
    expect(lines.join("")).toMatch(/WARN.*hello/);
    expect(lines.join("")).not.toContain('"msg"');
  });

  test("leaves out what is below the level", async () => {
    const { lines, log } = await logTo("json");
    log.trace({}, "hello");
    expect(lines).toEqual([]);
  });

  test("masks secrets wherever they stand", async () => {
    const { lines, log } = await logTo("json");
    log.info({ options: { "etcd-password": "hunter2", nested: { password: "hunter2" } } }, "hello");
    expect(lines[0]).toContain('"etcd-password":"***"');
    expect(lines[0]).not.toContain("hunter2");
  });
});

test("errors are told by code, text, fields and causes; a stack is for defects", () => {
  const cause = new LodenError("ERR_NETLINK", "EEXIST", { fields: { errno: 17 } });
  expect(describeError(new LodenError("ERR_BACKEND", "no", { cause }))).toEqual({
    code: "ERR_BACKEND",
    message: "no",
    cause: { code: "ERR_NETLINK", message: "EEXIST", errno: 17 },
  });
  expect(describeError(new TypeError("x"))).toMatchObject({ type: "TypeError", stack: expect.any(String) as string });
  expect(describeError("text")).toEqual({ message: "text" });
});

describe("Troubles", () => {
  test("tell of the begin, the change and the end of a fault, and keep its begin", async () => {
    const clock = new ManualClock();
    const { lines, log } = await logTo("json");
    let changes = 0;
    const troubles = new Troubles(clock, log, () => changes++);
    const report = (text?: string): void =>
      troubles.report("store", text === undefined ? undefined : new LodenError("ERR_STORE", text));
    report();
    report("a");
    const begin = troubles.get("store")!.since;
    await clock.advance(5_000);
    report("a");
    report("b");
    expect(troubles.list()).toEqual([{ code: "ERR_STORE", text: "b", since: begin }]);
    report();
    const told = lines
      .map((line) => JSON.parse(line) as { level: string; msg: string })
      .filter(({ level }) => level !== "debug");
    expect(told.map(({ level, msg }) => `${level} ${msg}`)).toEqual(["warn a", "warn b", "info over: b"]);
    expect([changes, troubles.list().length]).toEqual([3, 0]);
  });
});

test.each([
  ["CapEff:\t000001ffffffffff\n", true],
  ["CapEff:\t0000000000001000\n", true],
  ["CapEff:\t0000000000000fff\n", false],
  ["CapEff:\t0000000000000000\n", false],
])("CAP_NET_ADMIN is read from %j", (status, has) => {
  const check = (): void => requireNetAdmin(`Name:\tx\n${status}CapBnd:\t0\n`);
  if (has) expect(check).not.toThrow();
  else expect(check).toThrowError(/CAP_NET_ADMIN/);
});
