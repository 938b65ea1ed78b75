// The extension backend's commands: when they run, with what, in which order, and what becomes of those that fail. The
// commands are recorded and not run; the clock is moved by hand.
import { beforeEach, describe, expect, test } from "vitest";
import { LodenError } from "#spec/errors";
import { type Command, runShell, shownOutput } from "../../../daemon/backend/extension/command.ts";
import { readExtension } from "../../../daemon/backend/extension/config.ts";
import { leaseEnvironment, peerFacts } from "../../../daemon/backend/extension/peer-command.ts";
import { ExtensionRecord } from "../../../daemon/backend/extension/record.ts";
import { ExtensionRunner } from "../../../daemon/backend/extension/runner.ts";
import { createBackend } from "../../../daemon/backend/registry.ts";
import type { Lease } from "../../../daemon/lease/types.ts";
import { silentLog } from "../../../daemon/log.ts";
import { makeLease, makeNetwork, makeNode } from "../../support/fabric.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const COMMANDS = {
  PostStartupCommand: "post",
  SubnetAddCommand: "add",
  SubnetRemoveCommand: "remove",
  ShutdownCommand: "shut down",
};
const network = makeNetwork({ type: "extension", options: COMMANDS, families: [4, 6] });

const lease = (n: number, data: unknown = `data of ${n}`): Lease => ({
  ...makeLease(n, { type: "extension", families: [4, 6] }),
  backendData: { 4: data },
});

let clock: ManualClock;
let ran: string[];
let fails: (line: string) => boolean;
let troubles: (string | undefined)[];
let files: Map<string, string>;
let stop: AbortController;

beforeEach(() => {
  clock = new ManualClock();
  ran = [];
  fails = () => false;
  troubles = [];
  files = new Map();
  stop = new AbortController();
});

/** A daemon's runner, which begins at once. */
function start(bootId = "boot"): ExtensionRunner {
  const port = {
    read: (file: string) => files.get(file),
    replace: (file: string, text: string) => void files.set(file, text),
    remove: (file: string) => void files.delete(file),
  };
  const runner = new ExtensionRunner({
    commands: COMMANDS,
    own: leaseEnvironment(network, makeNode(1)),
    factsOf: (each) => (each.key.startsWith("10.5.9.") ? undefined : peerFacts(network, each)),
    run: (command) => {
      const { SUBNET = "", PUBLIC_IP = "" } = command.environment;
      const line = `${command.text} ${SUBNET} ${PUBLIC_IP} <${command.input}>`;
      ran.push(line);
      if (fails(line)) return Promise.reject(new LodenError("ERR_BACKEND", `failed: ${line}`));
      return Promise.resolve({ stdout: "", stderr: "" });
    },
    record: new ExtensionRecord(port, "/run/subnet.env", bootId),
    clock,
    log: silentLog,
    onTrouble: (error) => troubles.push(error?.message),
  });
  void runner.keep(stop.signal);
  return runner;
}

async function again(): Promise<void> {
  stop.abort();
  await clock.advance(0);
  stop = new AbortController();
  ran = [];
}

const ADD = (n: number): string => `add 10.5.${n}.0/24 192.168.0.${n} <data of ${n}>`;
const REMOVE = (n: number): string => ADD(n).replace("add", "remove");
const POST = "post 10.5.1.0/24 192.168.0.1 <>";

describe("what a command is told", () => {
  test("a peer's addresses and data, both families", () => {
    expect(peerFacts(network, lease(2))).toEqual({
      environment: {
        NETWORK: "10.5.0.0/16",
        IPV6NETWORK: "fd00:5::/32",
        SUBNET: "10.5.2.0/24",
        IPV6SUBNET: "fd00:5:2::/64",
        PUBLIC_IP: "192.168.0.2",
        PUBLIC_IPV6: "fd99::2",
      },
      input: "data of 2",
    });
  });

  test.each([[null], [{ VNI: 1 }], [7], [undefined]])("data that is no text, %j, is none", (data) => {
    expect(peerFacts(network, { ...lease(2), backendData: { 4: data } }).input).toBe("");
  });
});

describe("the backend", () => {
  const node = { ...makeNode(1), commandOutput: "0a:00:00:00:00:01" };

  test("publishes what PreStartupCommand printed, in flannel's field", () => {
    expect(createBackend(network, node).advertise(node)).toEqual({ 4: "0a:00:00:00:00:01" });
    const six = makeNetwork({ type: "extension", families: [6] });
    expect(createBackend(six, node).advertise(node)).toEqual({ 6: "0a:00:00:00:00:01" });
    expect(createBackend(network, makeNode(1)).advertise(makeNode(1))).toEqual({});
  });

  test("wants nothing of the kernel", () => {
    const backend = createBackend(network, node);
    expect([backend.base(node), backend.peer(node, lease(2), 4)]).toEqual([[], []]);
  });

  test("refuses a command that is no text, and takes an empty one for none", () => {
    const odd = makeNetwork({ type: "extension", options: { SubnetAddCommand: ["ip"] } });
    expect(() => createBackend(odd, node)).toThrow("SubnetAddCommand");
    expect(readExtension(makeNetwork({ type: "extension", options: { subnetaddcommand: " " } })).commands).toEqual({});
  });
});

describe("running", () => {
  test("begins with PostStartupCommand, then adds each peer once, then removes those that go", async () => {
    const runner = start();
    runner.replaceLeases([lease(2), lease(3)]);
    await clock.advance(0);
    expect(ran).toEqual([POST, ADD(2), ADD(3)]);
    runner.deleteLease(lease(2).key);
    runner.putLease(lease(4));
    runner.putLease(lease(3));
    await clock.advance(0);
    expect(ran.slice(3)).toEqual([ADD(4), REMOVE(2)]);
  });

  test("does nothing for a lease that is not to be served", async () => {
    start().replaceLeases([lease(9), lease(2)]);
    await clock.advance(0);
    expect(ran).toEqual([POST, ADD(2)]);
  });

  test("runs SubnetAddCommand again when a lease says something else", async () => {
    const runner = start();
    runner.replaceLeases([lease(2)]);
    await clock.advance(0);
    runner.putLease(lease(2, "other"));
    await clock.advance(0);
    expect(ran).toEqual([POST, ADD(2), ADD(2).replace("data of 2", "other")]);
  });

  test("takes what a lease said before away when it stands in the way of what it says now", async () => {
    const runner = start();
    runner.replaceLeases([lease(2)]);
    await clock.advance(0);
    const other = ADD(2).replace("data of 2", "other");
    fails = (line) => line === other && !ran.includes(REMOVE(2));
    runner.putLease(lease(2, "other"));
    await clock.advance(0);
    expect(ran.slice(2)).toEqual([other, REMOVE(2), other]);
    expect(troubles.at(-1)).toBeUndefined();
  });

  test("a failure is reported, tried again later and later, and holds up nobody", async () => {
    const runner = start();
    fails = (line) => line === ADD(2);
    runner.replaceLeases([lease(2), lease(3)]);
    await clock.advance(0);
    // Once, what may stand in the way is cleared.
    expect(ran).toEqual([POST, ADD(2), REMOVE(2), ADD(2), ADD(3)]);
    expect(troubles.at(-1)).toBe(`failed: ${ADD(2)}`);
    await clock.advance(999);
    expect(ran).toHaveLength(5);
    await clock.advance(1);
    await clock.advance(1_999);
    expect(ran).toHaveLength(6);
    fails = () => false;
    await clock.advance(1);
    expect(ran.slice(5)).toEqual([ADD(2), ADD(2)]);
    expect(troubles.at(-1)).toBeUndefined();
  });

  test("no peer is added before PostStartupCommand has succeeded", async () => {
    fails = (line) => line === POST;
    const runner = start();
    runner.replaceLeases([lease(2)]);
    let isStarted = false;
    void runner.started.then(() => (isStarted = true));
    await clock.advance(500);
    expect([ran, isStarted, troubles]).toEqual([[POST], false, [`failed: ${POST}`]]);
    fails = () => false;
    await clock.advance(500);
    expect([ran, isStarted, troubles.at(-1)]).toEqual([[POST, POST, ADD(2)], true, undefined]);
  });

  test("the end of a failing peer ends the report", async () => {
    fails = (line) => line === ADD(2);
    const runner = start();
    runner.replaceLeases([lease(2)]);
    await clock.advance(0);
    runner.deleteLease(lease(2).key);
    await clock.advance(0);
    expect(troubles.at(-1)).toBeUndefined();
    expect(ran).toEqual([POST, ADD(2), REMOVE(2), ADD(2)]);
  });

  test("ShutdownCommand runs when the node leaves", async () => {
    await start().shutDown(stop.signal);
    expect(ran.at(-1)).toBe("shut down 10.5.1.0/24 192.168.0.1 <>");
  });
});

describe("after a restart", () => {
  beforeEach(async () => {
    start().replaceLeases([lease(2), lease(3)]);
    await clock.advance(0);
    await again();
  });

  test("all commands run again, and a peer that went meanwhile is removed", async () => {
    start().replaceLeases([lease(3)]);
    await clock.advance(0);
    expect(ran).toEqual([POST, ADD(3), REMOVE(2)]);
  });

  test("what fails because it is there already is no fault", async () => {
    fails = (line) => line.startsWith("add");
    start().replaceLeases([lease(2), lease(3), lease(4)]);
    await clock.advance(0);
    expect(troubles.at(-1)).toBe(`failed: ${ADD(4)}`);
    await clock.advance(1_000);
    expect(ran.slice(1)).toEqual([ADD(2), ADD(3), ADD(4), REMOVE(4), ADD(4), ADD(4)]);
  });

  test("after a boot nothing is there", async () => {
    fails = (line) => line === ADD(2);
    start("another boot").replaceLeases([lease(2)]);
    await clock.advance(0);
    expect([ran, troubles.at(-1)]).toEqual([[POST, ADD(2), REMOVE(2), ADD(2)], `failed: ${ADD(2)}`]);
  });

  test.each(["", "{", "[]", '{"bootId":"boot","peers":7}', '{"bootId":"boot","peers":{"x":{"input":1}}}'])(
    "a record that reads %j is none",
    async (text) => {
      for (const file of files.keys()) files.set(file, text);
      start().replaceLeases([]);
      await clock.advance(0);
      expect(ran).toEqual([POST]);
    },
  );
});

describe("sh", () => {
  const signal = new AbortController().signal;
  const command = (text: string, more: Partial<Command> = {}): Command => ({
    name: "SubnetAddCommand",
    text,
    environment: { SUBNET: "10.5.2.0/24" },
    input: "two words",
    ...more,
  });

  test("gets the text as it is, the variables and the input", async () => {
    const text = `read A B; echo "$SUBNET" && echo "$B"'s' >&2; export X=1; test "$X" = 1 || exit 9`;
    await expect(runShell(command(text), signal)).resolves.toEqual({ stdout: "10.5.2.0/24", stderr: "wordss" });
  });

  test("does not see the daemon's own variables", async () => {
    process.env["LODEN_ETCD_PASSWORD"] = "secret";
    try {
      await expect(runShell(command("env"), signal)).resolves.toMatchObject({
        stdout: expect.not.stringContaining("secret"),
      });
    } finally {
      delete process.env["LODEN_ETCD_PASSWORD"];
    }
  });

  test("that fails is an error with its name, its subnet, its status and its words", async () => {
    await expect(runShell(command("echo no such thing >&2; exit 3"), signal)).rejects.toThrow(
      "Backend.SubnetAddCommand failed for 10.5.2.0/24: it ended with status 3; it said: no such thing",
    );
  });

  test("that prints without end is heard in part, and one that does not read its input is no fault", async () => {
    const { stdout } = await runShell(
      command("head -c 200000 /dev/zero | tr '\\0' x", { input: "y".repeat(300_000) }),
      signal,
    );
    expect(stdout).toHaveLength(16_384);
    expect(shownOutput({ stdout, stderr: "" })).toHaveLength(1_001);
  });

  test("is ended with all that it started some time after the daemon is stopped, and may end by itself before", async () => {
    const end = new AbortController();
    const long = runShell(command("sleep 1000 & sleep 1000"), end.signal);
    const short = runShell(command("sleep 0.1; echo done"), end.signal);
    end.abort();
    await expect(short).resolves.toMatchObject({ stdout: "done" });
    await expect(long).rejects.toThrow("the daemon stops");
  });

  test("that leaves something running behind it has ended all the same", async () => {
    const { stdout } = await runShell(command("sleep 2 & echo done"), signal);
    expect(stdout).toBe("done");
  });
});
