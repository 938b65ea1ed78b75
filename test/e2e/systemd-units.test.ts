// The systemd units of spec/examples: systemd understands them, and what they let lodend have is enough for it.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { enterFreshBpfFs } from "../support/bpf.ts";
import { startEtcd } from "../support/etcd.ts";
import { LODEND, LodendHost, makeSwitch, SWITCH_ADDRESS } from "../support/lodend.ts";
import { enterFreshNetns, iproute, nftRuleset } from "../support/netns.ts";
import { runProcess, startProcess } from "../support/processes.ts";
import type { StoreServer } from "../support/store-server.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const UNITS = ["lodend.service", "loden-cni.service"] as const;
const read = (unit: string): string => readFileSync(new URL(`../../spec/examples/${unit}`, import.meta.url), "utf8");
const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const ANALYZE = "/usr/bin/systemd-analyze";

/** The values of a setting. */
function setting(unit: string, name: string): string[] {
  return new RegExp(`^${name}=(.*)$`, "m").exec(read(unit))?.[1]?.split(" ") ?? [];
}

let directory: TempDir;
beforeAll(() => {
  enterFreshNetns();
  enterFreshBpfFs();
  directory = tempDir("units");
});
afterAll(() => directory[Symbol.asyncDispose]());

const hasSystemd = existsSync(ANALYZE);
test.skipIf(!hasSystemd)(
  `systemd finds no fault in them${hasSystemd ? "" : " (systemd is not installed)"}`,
  async () => {
    const files = UNITS.map((unit) => {
      const file = path.join(directory.path, unit);
      writeFileSync(file, read(unit).replaceAll("/opt/loden", dist));
      return file;
    });
    const { status, stdout, stderr } = await runProcess(ANALYZE, ["verify", "--man=no", ...files]);
    expect([status, stdout, stderr]).toEqual([0, "", ""]);
  },
);

test("loden-cni.service starts the resident plugins", async () => {
  const [program = "", ...args] = setting("loden-cni.service", "ExecStart");
  const socket = path.join(directory.path, "cni.sock");
  const resident = startProcess(program.replace("/opt/loden", dist), [...args, `--socket=${socket}`]);
  await resident.printed(new RegExp(`^serving ${socket}\n`));
  resident.child.kill("SIGTERM");
  expect(await resident.finished).toMatchObject({ signal: "SIGTERM", stderr: "" });
});

describe("lodend with the capabilities of its unit alone", () => {
  let etcd: StoreServer;
  let proxy: TcpProxy;
  let hosts = 0;

  beforeAll(async () => {
    etcd = await startEtcd();
    makeSwitch();
    proxy = await TcpProxy.start(SWITCH_ADDRESS, new URL(etcd.endpoint));
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  /** Starts a daemon, has a look when it is ready, and ends it. Gives what it printed. */
  async function run(capabilities: readonly string[], backend: object, look: () => void): Promise<string> {
    using host = new LodendHost(++hosts, directory.path);
    const prefix = `/units/${hosts}`;
    etcd.ctl("put", `${prefix}/config`, JSON.stringify({ Network: "10.79.0.0/16", Backend: backend }));
    const names = capabilities.map((name) => `+${name.replace("CAP_", "").toLowerCase()}`).join(",");
    const set = `-all,${names}`;
    const confined = [`--bounding-set=${set}`, `--inh-caps=${set}`, `--ambient-caps=${set}`, "--no-new-privs", "--"];
    const files = [`--subnet-file=${host.subnetFile}`, `--state-dir=${host.stateDirectory}`];
    const store = [`--etcd-endpoints=http://${proxy.authority}`, `--etcd-prefix=${prefix}`];
    const args = [process.execPath, LODEND, ...files, ...store, "--iface=eth0", "--ip-masq"];
    const daemon = host.netns.run(() => startProcess("/usr/bin/setpriv", [...confined, ...args]));
    await daemon.printed(/"msg":"ready: /);
    host.netns.run(look);
    daemon.child.kill("SIGTERM");
    const { status, stdout, stderr } = await daemon.finished;
    expect(status).toBe(0);
    return stdout + stderr;
  }

  const given = setting("lodend.service", "CapabilityBoundingSet");

  test("the two lines agree", () => {
    expect(given).not.toEqual([]);
    expect(setting("lodend.service", "AmbientCapabilities")).toEqual(given);
  });

  test("vxlan, masquerading", async () => {
    const printed = await run(given, { Type: "vxlan" }, () => {
      expect(iproute("-d", "link", "show", "flannel.1")).toContain("vxlan id 1");
      expect(JSON.stringify(nftRuleset())).toContain("masquerade");
    });
    expect(printed).not.toMatch(/"level":"(warn|error)"/);
  });

  test("udp: by a thread; by the kernel with what the unit says that takes", async () => {
    const device = (): void => void iproute("link", "show", "flannel0");
    expect(await run(given, { Type: "udp" }, device)).toMatch(/carried by a thread of lodend.*EPERM/);
    const [, more = ""] = /^# .*: add (CAP_\w+)/m.exec(read("lodend.service")) ?? [];
    expect(more).not.toBe("");
    const printed = await run([...given, more], { Type: "udp", Datapath: "kernel" }, device);
    expect(printed).not.toMatch(/"level":"(warn|error)"/);
  });
});
