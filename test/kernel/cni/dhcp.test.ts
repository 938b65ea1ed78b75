// dhcp: the plugin, its daemon and a real server, dnsmasq, on a link of the test's own. What is tested follows the
// reference plugin's tests; what passes only after minutes is in test/unit/cni/dhcp-lease.test.ts, on a clock of its own.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compiledPlugins, nodePlugins, startPlugin, type Sandbox } from "../../support/cni.ts";
import { Host, addressesOf, fail, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, ip, ipJson } from "../../support/cni-network.ts";
import { startProcess, type Started } from "../../support/processes.ts";

const hasServer = spawnSync("dnsmasq", ["--version"]).status === 0;
const directory = compiledPlugins();
let host: Host;
let server: Started;
let serial = 0;

beforeAll(async () => {
  host = new Host();
  ip("link", "set", "lo", "up");
  ip("link", "add", "m0", "type", "veth", "peer", "name", "m1");
  ip("link", "set", "m0", "up");
  ip("link", "set", "m1", "up");
  ip("addr", "add", "10.70.0.1/24", "dev", "m1");
  if (!hasServer) return;
  server = startProcess("dnsmasq", [
    ...[
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--port=0",
      "--interface=m1",
      "--bind-interfaces",
      "--pid-file=",
    ],
    ...["--user=root", "--log-dhcp", "--log-facility=-", `--dhcp-leasefile=${host.work}/leases`, "--no-ping"],
    ...["--dhcp-range=10.70.0.10,10.70.0.60,255.255.255.0,120s", "--dhcp-option=option:domain-name,example.test"],
    // Renewals after two seconds instead of one minute.
    ...["--dhcp-option=option:T1,2", "--dhcp-option=option:T2,60", "--dhcp-authoritative"],
    "--dhcp-option=option:classless-static-route,192.0.2.0/24,10.70.0.9,0.0.0.0/0,10.70.0.1",
  ]);
  await server.printed(/DHCP, sockets bound|DHCP, IP range/);
});

afterAll(async () => {
  server?.child.kill();
  await server?.finished;
  host[Symbol.dispose]();
});

interface Daemon extends AsyncDisposable {
  readonly socket: string;
  readonly process: Started;
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

async function daemon(args: readonly string[] = [], from = directory, reuse?: string): Promise<Daemon> {
  const socket = reuse ?? path.join(host.work, `run${++serial}`, "dhcp.sock");
  const started = startProcess(path.join(from, "dhcp"), ["daemon", "-socketpath", socket, ...args]);
  await started.printed(/listening at/);
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    started.child.kill(signal);
    return (await started.finished).status;
  };
  return { socket, process: started, stop, [Symbol.asyncDispose]: async () => void (await stop("SIGTERM")) };
}

function network(socket: string, ipam: object = {}): TestNetwork {
  const config = { master: "m0", ipam: { type: "dhcp", daemonSocketPath: socket, ...ipam } };
  return new TestNetwork(host, { directory, plugin: "macvlan", config });
}

const addressIn = (result: Record<string, unknown> | undefined): string => addressesOf(result)[0]?.address ?? "";
/** Resolves when the server has done once more what it says with a word, for an address. */
function said(word: string, result: Record<string, unknown> | undefined): Promise<RegExpExecArray> {
  const address = addressIn(result).split("/")[0]!;
  const pattern = `${word}\\(m1\\) ${address.replaceAll(".", "\\.")} `;
  const before = server.output.stderr.match(new RegExp(pattern, "g"))?.length ?? 0;
  return server.printed(new RegExp(`(?:${pattern}[^]*?){${before + 1}}`));
}

describe.skipIf(!hasServer)("with dnsmasq", () => {
  test.each(["compiled", "Node"])("on %s, an address is got, kept, and given back", async (form) => {
    await using running = await daemon([], form === "Node" ? nodePlugins() : directory);
    const net = network(running.socket, { priority: 77, request: [{ option: "domain-name" }] });
    using sandbox = host.sandbox();
    const id = `life-${form}`;
    succeed(net.call("STATUS"));
    const result = succeed(net.call("ADD", sandbox, { containerId: id }));
    expect(addressIn(result)).toMatch(/^10\.70\.0\.\d+\/24$/);
    expect(addressesOf(result)[0]).toMatchObject({ gateway: "10.70.0.1", interface: 0 });
    expect(result).toMatchObject({ dns: { domain: "example.test" } });
    expect(result?.["routes"]).toContainEqual({ dst: "0.0.0.0/0", gw: "10.70.0.1", priority: 77 });
    expect(ipJson(sandbox, "route", "show", "default")[0]).toMatchObject({ gateway: "10.70.0.1", metric: 77 });
    succeed(net.callWith({ prevResult: result }, "CHECK", sandbox, { containerId: id }));
    // The second request for the address is the renewal.
    await said("DHCPACK", result);
    const released = said("DHCPRELEASE", result);
    succeed(net.call("DEL", sandbox, { containerId: id }));
    await released;
    expect(fail(net.callWith({ prevResult: result }, "CHECK", sandbox, { containerId: id })).msg).toContain(
      "there is no lease",
    );
    succeed(net.call("DEL", sandbox, { containerId: id }));
    succeed(net.call("DEL", undefined, { containerId: id }));
  });

  test("options are asked for and sent, by name, number and from CNI_ARGS", async () => {
    await using running = await daemon(["--broadcast=true"]);
    const net = network(running.socket, {
      request: [{ skipDefault: true }, { option: "subnet-mask" }, { option: "121" }],
      provide: [
        { option: "host-name", value: "unused", fromArg: "K8S_POD_NAME" },
        { option: "vendor-class-identifier", value: "loden-test" },
      ],
    });
    using sandbox = host.sandbox();
    const result = succeed(
      net.call("ADD", sandbox, { containerId: "options", args: "K8S_POD_NAME=web-1;IgnoreUnknown=1" }),
    );
    expect(result?.["routes"]).toEqual([
      { dst: "192.0.2.0/24", gw: "10.70.0.9" },
      { dst: "0.0.0.0/0", gw: "10.70.0.1" },
    ]);
    expect(addressesOf(result)[0]).not.toHaveProperty("gateway");
    await server.printed(/client provides name: web-1/);
    await server.printed(/vendor class: loden-test/);
    await server.printed(/requested options: 1:netmask, 121:classless-static-route\n/);
    succeed(net.call("DEL", sandbox, { containerId: "options" }));
  });

  test("-hostprefix stands in front of the namespace's path", async () => {
    using sandbox = host.sandbox();
    const ask = { containerId: "prefix" };
    await using right = await daemon(["-hostprefix", "/proc/self/root"]);
    const net = network(right.socket);
    expect(addressIn(succeed(net.call("ADD", sandbox, ask)))).toMatch(/^10\.70\.0\./);
    succeed(net.call("DEL", sandbox, ask));
    await using wrong = await daemon(["-hostprefix", "/nowhere"]);
    expect(fail(network(wrong.socket).call("ADD", sandbox, ask)).msg).toContain("the interface is gone");
  });

  test("many at once, each with an address of its own", async () => {
    await using running = await daemon();
    const net = network(running.socket);
    const sandboxes = Array.from({ length: 12 }, () => host.sandbox());
    const containerId = (at: number): string => `many-${at}`;
    try {
      const outcomes = await Promise.all(
        sandboxes.map((sandbox, at) => startPlugin(net.call("ADD", sandbox, { containerId: containerId(at) }))),
      );
      expect(outcomes.map(({ status, stdout }) => (status === 0 ? "" : stdout)).join("")).toBe("");
      expect(new Set(outcomes.map(({ document }) => addressIn(document))).size).toBe(12);
      // GC gives back all but one.
      const valid = [{ containerID: containerId(3), ifname: "eth0" }];
      succeed(net.callWith({ "cni.dev/valid-attachments": valid }, "GC"));
      const checks = sandboxes.map((sandbox, at) => {
        const prevResult = outcomes[at]!.document;
        return startPlugin(net.callWith({ prevResult }, "CHECK", sandbox, { containerId: containerId(at) }));
      });
      expect((await Promise.all(checks)).map(({ status }) => status)).toEqual(
        sandboxes.map((_, at) => (at === 3 ? 0 : 1)),
      );
      await Promise.all(
        sandboxes.map((sandbox, at) => startPlugin(net.call("DEL", sandbox, { containerId: containerId(at) }))),
      );
    } finally {
      for (const sandbox of sandboxes) sandbox.close();
    }
  });

  test("leases outlive the daemon, kill -9 included", async () => {
    const first = await daemon();
    const net = network(first.socket);
    using sandbox = host.sandbox();
    const call = (command: string, more: object = {}) =>
      net.callWith(more, command, sandbox, { containerId: "restart" });
    const result = succeed(call("ADD"));
    await first.stop("SIGKILL");
    expect(fail(call("CHECK", { prevResult: result })).code).toBe(50);
    await using second = await daemon([], directory, first.socket);
    await second.process.printed(/goes on with 10\.70/);
    succeed(call("CHECK", { prevResult: result }));
    const released = said("DHCPRELEASE", result);
    succeed(call("DEL"));
    await released;
  });

  test("an ADD that is repeated has one lease, and a failing ADD none", async () => {
    await using running = await daemon();
    const net = network(running.socket);
    using sandbox = host.sandbox();
    const call = (command: string, config: object = {}) =>
      net.callWith(config, command, sandbox, { containerId: "again" });
    const bad = { ipam: { type: "dhcp", daemonSocketPath: running.socket }, mtu: 1400, dns: {} };
    const added = succeed(call("ADD", bad));
    expect(fail(call("ADD", bad)).msg).toContain("already exists");
    const released = said("DHCPRELEASE", added);
    succeed(call("DEL"));
    await released;
    expect(addressIn(succeed(call("ADD")))).toMatch(/^10\.70\.0\./);
    succeed(call("DEL"));
  });
});

test("without a server the request ends: no more tries", async () => {
  await using running = await daemon(["-resendtimeout", "1200ms", "-timeout=1s", "--resendmax", "1s"]);
  ip("link", "add", "alone", "type", "veth", "peer", "name", "alone1");
  ip("link", "set", "alone", "up");
  ip("link", "set", "alone1", "up");
  const net = network(running.socket);
  using sandbox = host.sandbox();
  const call = (command: string) => net.callWith({ master: "alone" }, command, sandbox);
  expect(fail(call("ADD")).msg).toContain("no more tries");
  expect(host.linksIn(sandbox).map(({ name }) => name)).toEqual(["lo"]);
  succeed(call("DEL"));
});

test("without a daemon ADD and STATUS say so, DEL and GC have nothing to do", () => {
  const net = network(path.join(host.work, "nobody.sock"));
  using sandbox: Sandbox = host.sandbox();
  expect(fail(net.call("ADD", sandbox))).toMatchObject({
    code: 50,
    msg: expect.stringContaining("error dialing DHCP daemon") as string,
  });
  expect(fail(net.call("STATUS"))).toMatchObject({ code: 50 });
  succeed(net.call("DEL", sandbox));
  succeed(net.callWith({ "cni.dev/valid-attachments": [] }, "GC"));
  const relative = network("run/dhcp.sock");
  expect(fail(relative.call("ADD", sandbox))).toMatchObject({
    code: 7,
    msg: expect.stringContaining("daemonSocketPath") as string,
  });
});

describe("the daemon", () => {
  test("writes its process id, and takes socket and file away at the end", async () => {
    const pidFile = path.join(host.work, "dhcp.pid");
    const running = await daemon(["-pidfile", pidFile]);
    expect(fs.readFileSync(pidFile, "utf8")).toBe(String(running.process.child.pid));
    expect(fs.statSync(path.dirname(running.socket)).mode & 0o777).toBe(0o700);
    // Nobody takes its place while it is there.
    const second = startProcess(path.join(directory, "dhcp"), ["daemon", "-socketpath", running.socket]);
    expect(await second.finished).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("another DHCP daemon") as string,
    });
    expect(await running.stop("SIGINT")).toBe(0);
    expect(fs.existsSync(running.socket)).toBe(false);
    expect(fs.existsSync(pidFile)).toBe(false);
  });

  test.each([
    [["-timeout", "soon"], 'invalid value "soon" for flag -timeout'],
    [["-socketpath"], "flag needs an argument: -socketpath"],
    [["--unknown=1"], "flag provided but not defined: --unknown=1"],
    [["-broadcast=maybe"], "for flag -broadcast"],
  ])("refuses %j", async (args, text) => {
    const { status, stderr } = await startProcess(path.join(directory, "dhcp"), ["daemon", ...args]).finished;
    expect(status).toBe(2);
    expect(stderr).toContain(text);
    expect(stderr).toContain("usage: dhcp daemon");
  });

  test("takes the socket that the service manager has opened", async () => {
    const socket = path.join(host.work, "given.sock");
    const manager = createServer();
    await new Promise<void>((resolve) => manager.listen(`${socket}.new`, resolve));
    const { fd } = (manager as unknown as { _handle: { fd: number } })._handle;
    // LISTEN_PID is the daemon's own, which the shell becomes.
    const script = 'export LISTEN_FDS=$0 LISTEN_PID=$$; exec "$@"';
    const command = [path.join(directory, "dhcp"), "daemon", "-socketpath", socket];
    const start = (count: string): Started =>
      startProcess("sh", ["-c", script, count, ...command], { stdio: ["ignore", "pipe", "pipe", fd] });
    expect((await start("2").finished).stderr).toContain("LISTEN_FDS is 2: the daemon takes one socket");
    const running = start("1");
    await running.printed(/listening at/);
    // Closed, our end takes no calls away from the daemon's; by then it has another name, so that it is not removed.
    fs.renameSync(`${socket}.new`, socket);
    manager.close();
    succeed(network(socket).call("STATUS"));
    running.child.kill("SIGTERM");
    expect((await running.finished).status).toBe(0);
  });

  test("answers what is no request with an error, and lives on", async () => {
    await using running = await daemon();
    const { createConnection } = await import("node:net");
    const ask = (text: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const connection = createConnection(running.socket);
        connection.once("error", reject);
        connection.once("data", (data) => {
          resolve(data.toString());
          connection.destroy();
        });
        connection.write(text);
      });
    for (const line of ["junk\n", "{}\n", '{"method":"allocate","netns":7}\n', '{"method":"allocate"}\n']) {
      expect(JSON.parse(await ask(line))).toHaveProperty("error.msg");
    }
    succeed(network(running.socket).call("STATUS"));
  });
});
