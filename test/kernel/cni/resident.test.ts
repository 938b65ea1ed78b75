// The plugins through the resident process and without it: the same to the byte, and stand-alone whenever the resident is
// not what a process of the caller's own would be. Where the whole executable is missing beside the client, nothing but
// the resident can have answered.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withNetns } from "#kernel/netns";
import { sys } from "#sys";
import {
  callPlugin,
  compiledPlugins,
  startPlugin,
  variablesOf,
  type Invocation,
  type Outcome,
} from "../../support/cni.ts";
import { Host, addressesOf, asError } from "../../support/cni-rig.ts";
import { STAND_ALONE, helpersOf, startResident, type StartedResident } from "../../support/resident.ts";
import type { Sandbox } from "../../support/cni.ts";

const LOCK_EX = 2;
const NO_WHOLE = "loden-cni cannot be run";

let host: Host;
let sandbox: Sandbox;
/** All executables. */
let whole: string;
/** The clients alone. */
let clients: string;
let resident: StartedResident;

beforeAll(async () => {
  host = new Host();
  execFileSync("ip", ["link", "set", "lo", "up"]);
  sandbox = host.sandbox();
  // Copies: what others build meanwhile is none of ours.
  [whole, clients] = ["whole", "clients"].map((name) => path.join(host.work, name)) as [string, string];
  const built = compiledPlugins();
  for (const directory of [whole, clients]) {
    fs.mkdirSync(directory);
    fs.copyFileSync(path.join(built, "bridge"), path.join(directory, "bridge"));
    for (const name of ["flannel", "host-local", "loopback"]) {
      fs.linkSync(path.join(directory, "bridge"), path.join(directory, name));
    }
  }
  fs.copyFileSync(path.join(built, "loden-cni"), path.join(whole, "loden-cni"));
  resident = await startResident(whole, path.join(host.work, "cni.sock"));
});
afterAll(async () => {
  expect(await resident.stop()).toBe(0);
  expect(fs.existsSync(resident.socket)).toBe(false);
  sandbox.close();
  host[Symbol.dispose]();
});

const dataDir = (name: string): string => path.join(host.work, name);

function bridgeConfig(name: string, more: object = {}): Record<string, unknown> {
  const ipam = { type: "host-local", dataDir: dataDir(name), ranges: [[{ subnet: "10.61.0.0/24" }]] };
  return { cniVersion: "1.0.0", name, type: "bridge", bridge: "res0", isDefaultGateway: true, ipam, ...more };
}

/** A call that only the resident can serve. */
function throughResident(call: Omit<Invocation, "directory">, variables = {}): Invocation {
  return { ...call, directory: clients, variables: { ...resident.variables, ...call.variables, ...variables } };
}

function standAlone(call: Omit<Invocation, "directory">): Invocation {
  return { ...call, directory: whole, variables: { ...STAND_ALONE, ...call.variables } };
}

/** What a process printed, without what chance or the directory puts there. */
function comparable({ status, stdout, stderr }: Outcome): unknown {
  const even = (text: string): string =>
    text
      .replaceAll(whole, "PLUGINS")
      .replaceAll(clients, "PLUGINS")
      .replaceAll(/[\da-f]{2}(:[\da-f]{2}){5}/g, "MAC")
      .replaceAll(/veth[\da-f]{8}/g, "VETH");
  return { status, stdout: even(stdout), stderr: even(stderr) };
}

const LONG = "x".repeat(1 << 20);
const ipamOnly = (more: object = {}): object => ({
  cniVersion: "1.0.0",
  name: "even",
  type: "host-local",
  ipam: { type: "host-local", dataDir: dataDir("even"), subnet: "10.62.0.0/24" },
  ...more,
});
const CALLS: readonly (readonly [string, () => Omit<Invocation, "directory">])[] = [
  ["an attachment", () => ({ command: "ADD", plugin: "bridge", config: bridgeConfig("even"), netns: sandbox.path })],
  [
    "one that is there already",
    () => ({ command: "ADD", plugin: "bridge", config: bridgeConfig("even"), netns: sandbox.path }),
  ],
  [
    "CHECK without prevResult",
    () => ({ command: "CHECK", plugin: "bridge", config: bridgeConfig("even"), netns: sandbox.path }),
  ],
  ["its end", () => ({ command: "DEL", plugin: "bridge", config: bridgeConfig("even"), netns: sandbox.path })],
  ["its end again, without a namespace", () => ({ command: "DEL", plugin: "bridge", config: bridgeConfig("even") })],
  [
    "loopback",
    () => ({
      command: "ADD",
      plugin: "loopback",
      config: { cniVersion: "0.4.0", name: "lo", type: "loopback" },
      netns: sandbox.path,
    }),
  ],
  ["an address", () => ({ command: "ADD", plugin: "host-local", config: ipamOnly(), netns: "/nowhere" })],
  [
    "an input of a megabyte",
    () => ({
      command: "ADD",
      plugin: "host-local",
      config: ipamOnly({ long: LONG }),
      containerId: "long",
      netns: "/nowhere",
    }),
  ],
  [
    "its end, as long",
    () => ({ command: "DEL", plugin: "host-local", config: ipamOnly({ long: LONG }), containerId: "long" }),
  ],
  [
    "GC",
    () => ({
      command: "GC",
      plugin: "host-local",
      config: { ...ipamOnly(), cniVersion: "1.1.0", "cni.dev/valid-attachments": [] },
    }),
  ],
  ["STATUS", () => ({ command: "STATUS", plugin: "bridge", config: bridgeConfig("even", { cniVersion: "1.1.0" }) })],
  ["STATUS that has not come yet", () => ({ command: "STATUS", plugin: "bridge", config: bridgeConfig("even") })],
  [
    "flannel without a subnet",
    () => ({
      command: "ADD",
      plugin: "flannel",
      config: { cniVersion: "1.0.0", name: "f", type: "flannel", subnetFile: "/nowhere/subnet.env" },
      netns: sandbox.path,
    }),
  ],
  ["an empty input", () => ({ command: "ADD", plugin: "bridge", config: "", netns: sandbox.path })],
  ["an input that is no JSON", () => ({ command: "DEL", plugin: "bridge", config: '{"name": "torn' })],
  ["an input that is no text", () => ({ command: "DEL", plugin: "bridge", config: '{"name":"\ufffd\ufeff\u0000"}' })],
  [
    "a wrong type",
    () => ({ command: "ADD", plugin: "bridge", config: bridgeConfig("even", { mtu: "1500" }), netns: sandbox.path }),
  ],
  [
    "a version of the future",
    () => ({
      command: "ADD",
      plugin: "bridge",
      config: bridgeConfig("even", { cniVersion: "9.0.0" }),
      netns: sandbox.path,
    }),
  ],
  [
    "variables missing",
    () => ({ command: "ADD", plugin: "bridge", config: bridgeConfig("even"), variables: { CNI_IFNAME: undefined } }),
  ],
  [
    "a bad container id",
    () => ({ command: "ADD", plugin: "bridge", config: bridgeConfig("even"), containerId: "-", netns: sandbox.path }),
  ],
  [
    "a namespace that is none",
    () => ({ command: "ADD", plugin: "bridge", config: bridgeConfig("even"), netns: "/etc/hostname" }),
  ],
  [
    "the plugin's own namespace",
    () => ({ command: "ADD", plugin: "bridge", config: bridgeConfig("even"), netns: `/proc/${process.pid}/ns/net` }),
  ],
  [
    "an unknown argument",
    () => ({ command: "ADD", plugin: "host-local", config: ipamOnly(), netns: "/nowhere", args: "Speed=9" }),
  ],
  [
    "a delegate that is nowhere",
    () => ({
      command: "ADD",
      plugin: "bridge",
      config: bridgeConfig("even", { ipam: { type: "none-such" } }),
      netns: sandbox.path,
    }),
  ],
];

describe("both ways print the same", () => {
  const alone: unknown[] = [];
  beforeAll(() => {
    for (const [, call] of CALLS) alone.push(comparable(callPlugin(standAlone(call()))));
    fs.rmSync(dataDir("even"), { recursive: true });
  });

  test.each(CALLS.map(([name, call], index) => [name, call, index] as const))("%s", (_, call, index) => {
    const outcome = callPlugin(throughResident(call()));
    expect(outcome.stdout).not.toContain(NO_WHOLE);
    expect(comparable(outcome)).toEqual(alone[index]);
  });

  test("VERSION, no command and unknown names take the whole executable, with and without a resident", () => {
    for (const [command, plugin] of [
      ["VERSION", "bridge"],
      ["", "bridge"],
      ["REMOVE", "bridge"],
    ] as const) {
      const call = { command, plugin, config: { cniVersion: "1.0.0" } };
      const [a, b] = [resident.variables, STAND_ALONE].map((variables) =>
        callPlugin({ ...call, directory: whole, variables }),
      );
      expect(a).toEqual(b);
    }
  });
});

/** Runs a client by a shell, which can close and redirect what Node cannot. */
function byShell(script: string, variables: object): Outcome {
  const call = { command: "DEL", plugin: "bridge", directory: whole, config: "" };
  const env = { ...variablesOf(call), ...variables, CLIENT: path.join(whole, "bridge"), WORK: host.work };
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { env, encoding: "utf8" });
  return { status, stdout, stderr, document: undefined };
}

test.each([
  ["is closed", '"$CLIENT" <&-'],
  ["is a directory", '"$CLIENT" < "$WORK"'],
  ["is closed, and so are the outputs", '"$CLIENT" <&- >&- 2>&-'],
  ["is for a reader that has gone", 'echo torn | "$CLIENT" | true'],
])("standard input %s: both ways alike", (_, script) => {
  expect(byShell(script, resident.variables)).toEqual(byShell(script, STAND_ALONE));
});

test("more input than a request holds goes to the whole executable, all of it", () => {
  const config = { ...ipamOnly(), long: "y".repeat(5 << 20) };
  const call = {
    command: "ADD",
    plugin: "host-local",
    config,
    containerId: "vast",
    netns: "/nowhere",
    directory: whole,
  };
  const outcome = callPlugin({ ...call, variables: resident.variables });
  expect(addressesOf(outcome.document)).toHaveLength(1);
});

test("file mask and working directory are the caller's", () => {
  const config = JSON.stringify({
    ...ipamOnly(),
    ipam: { type: "host-local", dataDir: "here", subnet: "10.62.0.0/24" },
  });
  for (const [name, mask, mode] of [
    ["open", "000", 0o755],
    ["shut", "077", 0o700],
  ] as const) {
    const directory = path.join(host.work, name);
    fs.mkdirSync(directory);
    const call = throughResident({
      command: "ADD",
      plugin: "host-local",
      config,
      netns: "/nowhere",
      containerId: name,
    });
    const env = { ...variablesOf(call), CLIENT: path.join(clients, "host-local") };
    execFileSync("sh", ["-c", `umask ${mask}; exec "$CLIENT"`], { cwd: directory, env, input: config });
    expect(fs.statSync(path.join(directory, "here/even")).mode & 0o777).toBe(mode);
  }
  expect(fs.readlinkSync(`/proc/${resident.pid}/cwd`)).toBe("/");
});

test("calls leave no descriptors open", () => {
  const open = (): number => fs.readdirSync(`/proc/${resident.pid}/fd`).length;
  const call = { plugin: "bridge", config: bridgeConfig("descriptors"), netns: sandbox.path };
  const before = open();
  for (let round = 0; round < 15; round++) {
    expect(callPlugin(throughResident({ ...call, command: "ADD" })).status).toBe(0);
    expect(callPlugin(throughResident({ ...call, command: "ADD" })).status).toBe(1);
    expect(callPlugin(throughResident({ ...call, command: "DEL" })).status).toBe(0);
  }
  // Some may be the runtime's own.
  expect(open() - before).toBeLessThan(10);
  expect(resident.complaints()).toBe("");
});

/** The client finds the resident unfit, and the whole executable is not there. */
function expectRefused(outcome: Outcome): void {
  expect(asError(outcome)).toMatchObject({ code: 5, msg: expect.stringContaining(NO_WHOLE) as string });
}

describe("the client helps itself", () => {
  const call = (more: Partial<Invocation> = {}): Invocation => ({
    ...throughResident({ command: "STATUS", plugin: "bridge", config: bridgeConfig("self", { cniVersion: "1.1.0" }) }),
    ...more,
  });

  function byWrapper(command: string, ...options: readonly string[]): Outcome {
    const args = [...options, path.join(clients, "bridge")];
    const { status, stdout, stderr } = spawnSync(command, args, {
      env: { ...variablesOf(call()), PATH: process.env["PATH"] },
      input: JSON.stringify(call().config),
      encoding: "utf8",
    });
    return {
      status,
      stdout,
      stderr,
      document: stdout === "" ? undefined : (JSON.parse(stdout) as Outcome["document"]),
    };
  }

  test("the resident serves it as it is", () => {
    expect(callPlugin(call())).toMatchObject({ status: 0, stdout: "" });
    expect(byWrapper("env")).toMatchObject({ status: 0, stdout: "" });
  });

  test.each([
    ["mount namespace", ["unshare", "--mount"]],
    ["network namespace", ["unshare", "--net"]],
    ["process namespace", ["unshare", "--pid", "--fork"]],
    ["user namespace", ["unshare", "--user", "--map-root-user"]],
    ["user", ["setpriv", "--reuid=65534", "--clear-groups"]],
    ["group", ["setpriv", "--regid=65534", "--clear-groups"]],
    ["set of capabilities", ["setpriv", "--bounding-set=-sys_time"]],
  ] as const)("in another %s", (_, [command, ...options]) => {
    fs.chmodSync(host.work, 0o755);
    expectRefused(byWrapper(command, ...options));
  });

  test("where there is no socket, none wanted, none that can be, or nobody behind it", async () => {
    const dead = path.join(host.work, "dead.sock");
    net.createServer().listen(dead).close();
    fs.writeFileSync(path.join(host.work, "file.sock"), "");
    for (const socket of ["", "/nowhere/cni.sock", `/${"x".repeat(200)}`, dead, path.join(host.work, "file.sock")]) {
      expectRefused(await startPlugin(call({ variables: { LODEN_CNI_SOCKET: socket } })));
    }
  });

  test("when the resident was built from other sources", () => {
    const other = path.join(host.work, "other");
    fs.mkdirSync(other);
    const sources = ["client.c", "link.c"].map((name) =>
      fileURLToPath(new URL(`../../../cni-plugins/client/${name}`, import.meta.url)),
    );
    const build = `-DBUILD_ID="${"0".repeat(64)}"`;
    execFileSync("gcc", ["-std=c17", "-static", build, "-o", path.join(other, "bridge"), ...sources]);
    expectRefused(callPlugin(call({ directory: other })));
  });

  test.each([
    ["names that mean another file in every process", { CNI_NETNS: "/proc/self/ns/net" }, {}],
    ["a thread's own", { CNI_NETNS: "/proc/thread-self/ns/net" }, {}],
    ["a relative namespace", { CNI_NETNS: "ns" }, {}],
    ["relative plugin directories", { CNI_PATH: "bin" }, {}],
    ["a file of the caller's in the configuration", {}, { ipam: { type: "host-local", resolvConf: "/dev/fd/3" } }],
  ])("for %s", (_, variables, more) => {
    const config = bridgeConfig("self", { cniVersion: "1.1.0", ...more });
    expectRefused(callPlugin(call({ config, variables: { ...resident.variables, ...variables } })));
  });

  test("for plugins that are other programs, before anything is made", () => {
    const foreign = path.join(host.work, "foreign");
    fs.mkdirSync(foreign);
    fs.writeFileSync(path.join(foreign, "mine"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    fs.copyFileSync("/bin/true", path.join(foreign, "host-local"));
    const search = { path: `${foreign}:${clients}`, netns: sandbox.path, command: "ADD" };
    const links = host.links().length;
    expectRefused(callPlugin(call({ ...search, config: bridgeConfig("self", { ipam: { type: "mine" } }) })));
    expectRefused(callPlugin(call({ ...search, config: bridgeConfig("self") })));
    const flannel = { cniVersion: "1.0.0", name: "self", type: "flannel", delegate: { type: "mine" } };
    expectRefused(callPlugin(call({ ...search, plugin: "flannel", config: flannel })));
    const iptables = bridgeConfig("self", { bridge: "res1", ipMasq: true, ipMasqBackend: "iptables" });
    expectRefused(callPlugin(call({ ...search, path: clients, config: iptables })));
    expect(host.links().filter(({ name }) => name !== "res1")).toHaveLength(links);
    expect(host.linksIn(sandbox).map(({ name }) => name)).not.toContain("eth0");
    expect(fs.existsSync(path.join(dataDir("self"), "self/10.61.0.2"))).toBe(false);
  });
});

/** A listener of ours in the resident's place. `speak` gets each connection. */
async function squat(name: string, speak: (socket: net.Socket) => void): Promise<{ socket: string; close(): void }> {
  const socket = path.join(host.work, name);
  const open = new Set<net.Socket>();
  const server = net.createServer((connection) => {
    open.add(connection);
    connection.on("error", () => {});
    speak(connection);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    close() {
      for (const connection of open) connection.destroy();
      server.close();
    },
  };
}

/** What the resident says first. */
function greeting(): Promise<Buffer> {
  return new Promise((resolve) => {
    const connection = net.connect(resident.socket);
    connection.once("data", (bytes: Buffer) => {
      connection.destroy();
      resolve(bytes);
    });
  });
}

describe("somebody else behind the socket", () => {
  const config = { cniVersion: "1.0.0", name: "lo", type: "loopback" };
  const call = (socket: string): Invocation => ({
    ...{ command: "ADD", plugin: "loopback", config, netns: sandbox.path, directory: clients },
    variables: { LODEN_CNI_SOCKET: socket },
  });

  test.each<[string, (hello: Buffer) => (connection: net.Socket) => void]>([
    ["says nothing", () => () => {}],
    ["hangs up", () => (connection) => connection.destroy()],
    ["talks rubbish", () => (connection) => connection.write(Buffer.alloc(4096, "LODENCNI"))],
    ["stops in the middle", (hello) => (connection) => connection.end(hello.subarray(0, 100))],
    [
      "is nearly right",
      (hello) => (connection) => connection.write(Buffer.concat([hello.subarray(0, 167), Buffer.from([255])])),
    ],
  ])("one that %s hears nothing", async (name, speak) => {
    const hello = await greeting();
    let heard = 0;
    const squatter = await squat(`${name}.sock`, (connection) => {
      connection.on("data", ({ length }: Buffer) => (heard += length));
      speak(hello)(connection);
    });
    expectRefused(await startPlugin(call(squatter.socket)));
    expect(heard).toBe(0);
    squatter.close();
  });

  test("one of another user hears nothing, whatever it says", async () => {
    const directory = path.join(host.work, "public");
    fs.mkdirSync(directory);
    fs.chmodSync(directory, 0o777);
    const socket = path.join(directory, "squat.sock");
    const script = `require("net").createServer((c) => { c.write(Buffer.from(process.argv[2], "hex")); c.on("data", () => process.exit(9)); c.on("error", () => {}); }).listen(process.argv[1], () => { require("fs").chmodSync(process.argv[1], 0o777); console.log("up"); });`;
    const hello = (await greeting()).toString("hex");
    const args = ["--reuid=65534", "--clear-groups", "--pdeathsig=KILL", process.execPath, "-e", script, socket, hello];
    const squatter = spawn("setpriv", args, { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => squatter.stdout.once("data", resolve));
    expectRefused(await startPlugin(call(socket)));
    expect(squatter.exitCode).toBeNull();
    squatter.kill("SIGKILL");
  });

  const words = (...numbers: number[]): Buffer => Buffer.from(new Uint32Array(numbers).buffer);
  test.each<[string, Buffer]>([
    ["nothing", Buffer.alloc(0)],
    ["half a head", Buffer.alloc(5)],
    ["a status that is none", words(258, 0, 0)],
    ["a link that is none", words(257, 4, 0)],
    ["a link that cannot be", words(257, 4, 0x8000_0000)],
    ["a link without a mark", words(257, 0, 1)],
    ["a link with half a mark", Buffer.concat([words(257, 10, 1), Buffer.from("half")])],
    ["a link with a mark longer than any", words(257, 256, 1)],
    ["an output longer than any", words(0, 0x7fff_ffff, 0)],
    ["lengths whose sum overflows", words(0, 1 << 20, 0xffff_ffff)],
    ["less than it says", Buffer.concat([words(0, 100, 0), Buffer.from("{")])],
  ])("an answer of %s is an error to try again after, and no second run", async (name, answer) => {
    const hello = await greeting();
    const squatter = await squat(`${name}.answer`, (connection) => {
      connection.write(hello);
      connection.once("data", () => connection.end(answer));
    });
    const outcome = await startPlugin({ ...call(squatter.socket), directory: whole });
    expect(asError(outcome)).toMatchObject({ code: 11, msg: expect.stringMatching(/undone by DEL/) as string });
    squatter.close();
  });

  test.each([
    ["mark", [] as string[]],
    ["marks", ["first0"]],
    ["mar", ["first0"]],
    ["Mark", ["first0"]],
  ])("a link is deleted if its alias is %j, and the request comes a second time", async (alias, left) => {
    const hello = await greeting();
    execFileSync("ip", ["link", "add", "first0", "type", "bridge"]);
    execFileSync("ip", ["link", "set", "first0", "alias", alias]);
    const index = host.links().find(({ name }) => name === "first0")?.index ?? 0;
    const passes: number[] = [];
    const squatter = await squat(`first-${alias}.sock`, (connection) => {
      connection.write(hello);
      connection.once("data", (request: Buffer) => {
        passes.push(request.readUInt32LE(24));
        connection.end(Buffer.concat([words(257, 4, index), Buffer.from("mark")]));
      });
    });
    expect(asError(await startPlugin({ ...call(squatter.socket), command: "DEL" }))).toMatchObject({ code: 11 });
    expect(passes).toEqual([0, 1]);
    const found = host.links().filter(({ name }) => name === "first0");
    expect(found.map(({ name }) => name)).toEqual(left);
    for (const { name } of found) execFileSync("ip", ["link", "del", name]);
    squatter.close();
  });

  test("an answer is printed as it is", async () => {
    const hello = await greeting();
    const squatter = await squat("answer.sock", (connection) => {
      connection.write(hello);
      connection.once("data", () => connection.end(Buffer.concat([words(7, 3, 4), Buffer.from("outerr!")])));
    });
    expect(await startPlugin(call(squatter.socket))).toMatchObject({ status: 7, stdout: "out", stderr: "err!" });
    squatter.close();
  });
});

/** Holds the lock of a network's reservations, at which an ADD waits when the container's interface is made already. */
function holdReservations(name: string): Disposable {
  fs.mkdirSync(path.join(dataDir(name), name), { recursive: true });
  const lock = sys.open(path.join(dataDir(name), name, "lock"), 0o102, 0o600);
  sys.flock(lock, LOCK_EX);
  return { [Symbol.dispose]: () => sys.close(lock) };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(5);
}

function attachment(name: string, socket: string, command = "ADD"): Invocation {
  const config = bridgeConfig(name);
  const call = { command, plugin: "bridge", config, containerId: name, netns: sandbox.path, directory: whole };
  return { ...call, variables: { LODEN_CNI_SOCKET: socket } };
}

function expectNothingOf(name: string): void {
  expect(host.veths()).toEqual([]);
  expect(host.linksIn(sandbox).map((link) => link.name)).not.toContain("eth0");
  expect(fs.readdirSync(path.join(dataDir(name), name)).filter((file) => file.startsWith("10."))).toEqual([]);
}

describe("an end in the middle", () => {
  test("of the resident: an error to try again after, DEL clears up, and a new one takes the socket over", async () => {
    const socket = path.join(host.work, "mortal.sock");
    await using mortal = await startResident(whole, socket);
    {
      using _held = holdReservations("mortal");
      const added = startPlugin(attachment("mortal", socket));
      await until(() => host.veths().length === 1);
      mortal.process.kill("SIGKILL");
      expect(asError(await added)).toMatchObject({ code: 11, msg: expect.stringMatching(/undone by DEL/) as string });
      expect(host.veths()).toHaveLength(1);
    }
    expect(await startPlugin(attachment("mortal", socket, "DEL"))).toMatchObject({ status: 0, stdout: "" });
    expectNothingOf("mortal");
    await using heir = await startResident(whole, socket);
    expect(await startPlugin({ ...attachment("mortal", socket), directory: clients })).toMatchObject({ status: 0 });
    expect(await startPlugin({ ...attachment("mortal", socket, "DEL"), directory: clients })).toMatchObject({
      status: 0,
    });
    expect(heir.complaints()).toBe("");
  });

  test("of the client: its ADD is undone, before a DEL that came meanwhile", async () => {
    const call = attachment("gone", resident.socket);
    const child = spawn(path.join(whole, "bridge"), [], {
      env: variablesOf(call),
      stdio: ["pipe", "ignore", "ignore"],
    });
    let deleted: Promise<Outcome>;
    {
      using _held = holdReservations("gone");
      child.stdin.end(JSON.stringify(call.config));
      await until(() => host.veths().length === 1);
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      deleted = startPlugin({ ...attachment("gone", resident.socket, "DEL"), directory: clients });
    }
    expect(await deleted).toMatchObject({ status: 0, stdout: "" });
    expectNothingOf("gone");
    await until(() => resident.complaints().includes("bridge ADD for gone"));
  });

  test("of whoever started the resident: it ends after the call it is at", async () => {
    const socket = path.join(host.work, "orphan.sock");
    const orphan = await startResident(whole, socket);
    let added: Promise<Outcome>;
    {
      using _held = holdReservations("orphan");
      added = startPlugin({ ...attachment("orphan", socket), directory: clients });
      await until(() => host.veths().length === 1);
      orphan.process.kill("SIGTERM");
      orphan.process.stdin?.end();
    }
    expect(await added).toMatchObject({ status: 0 });
    expect(await orphan.stop()).toBe(0);
    expect(await startPlugin(attachment("orphan", socket, "DEL"))).toMatchObject({ status: 0 });
    expectNothingOf("orphan");
  });
});

test("a second resident leaves the socket of the first alone", async () => {
  await expect(startResident(whole, resident.socket)).rejects.toThrow(/another resident serves it/);
  await expect(startResident(whole, `/${"x".repeat(120)}`)).rejects.toThrow(/fewer than 108 bytes/);
  fs.mkdirSync(path.join(host.work, "anyone"));
  fs.chmodSync(path.join(host.work, "anyone"), 0o777);
  await expect(startResident(whole, path.join(host.work, "anyone/cni.sock"))).rejects.toThrow(/others may write/);
  expect(fs.statSync(resident.socket).mode & 0o777).toBe(0o600);
  expect(callPlugin(throughResident({ command: "DEL", plugin: "bridge", config: bridgeConfig("x") })).status).toBe(0);
});

test("a resident of another network namespace is not asked", async () => {
  using elsewhere = host.sandbox();
  const socket = path.join(host.work, "elsewhere.sock");
  // withNetns takes no promise: the process is started at once, and waited for outside.
  const { starting } = withNetns(sys, elsewhere.fd, () => ({ starting: startResident(whole, socket) }));
  await using _other = await starting;
  expectRefused(callPlugin({ ...attachment("elsewhere", socket), directory: clients }));
});

test("a hundred at once: all served, no address twice, and nothing left", async () => {
  const sandboxes = Array.from({ length: 100 }, () => host.sandbox());
  const calls = (command: string): Promise<Outcome[]> =>
    Promise.all(
      sandboxes.map((each, index) =>
        startPlugin({ ...attachment("rush", resident.socket, command), containerId: `r${index}`, netns: each.path }),
      ),
    );
  const added = await calls("ADD");
  expect(added.filter(({ status }) => status !== 0).map(({ stdout }) => stdout)).toEqual([]);
  expect(new Set(added.flatMap(({ document }) => addressesOf(document).map(({ address }) => address))).size).toBe(100);
  expect((await calls("DEL")).filter(({ status }) => status !== 0).map(({ stdout }) => stdout)).toEqual([]);
  expectNothingOf("rush");
  expect(helpersOf(resident.pid).length).toBeLessThan(8);
  for (const each of sandboxes) each.close();
});
