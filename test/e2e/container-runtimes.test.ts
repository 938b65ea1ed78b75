// Real container runtimes with the executables of dist/cni: podman with its CNI backend, and containerd's client. Containers
// run, reach their gateway, are reached at published ports, and leave nothing when they are removed.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  attachmentFiles,
  BIN_DIR,
  CONF_DIR,
  type ContainerHost,
  containerHost,
  GREETING,
} from "../support/container-host.ts";
import type { Finished } from "../support/processes.ts";

const GATEWAY = "10.88.0.1";
const ipam = {
  type: "host-local",
  routes: [{ dst: "0.0.0.0/0" }],
  ranges: [[{ subnet: "10.88.0.0/16", gateway: GATEWAY }]],
};
const LIST = {
  cniVersion: "0.4.0", // the newest that podman 4 reads
  name: "podman",
  plugins: [
    { type: "bridge", bridge: "cni-podman0", isGateway: true, ipMasq: true, hairpinMode: true, ipam },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "firewall", backend: "nftables" },
    { type: "tuning" },
  ],
};

let host: ContainerHost;

beforeAll(async () => {
  host = await containerHost(LIST);
});

afterAll(() => host[Symbol.asyncDispose]());

/** Host ends of containers' interfaces, reserved addresses and firewall rules that belong to an attachment. */
function leftovers(): { links: string[]; files: string[]; rules: string[] } {
  const links = JSON.parse(execFileSync("ip", ["-j", "link"], { encoding: "utf8" })) as { ifname: string }[];
  const ruleset = execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" });
  return {
    links: links.map(({ ifname }) => ifname).filter((name) => name.startsWith("veth")),
    files: attachmentFiles(),
    // What keeps a bridge apart from others is the bridge's, and stays as the bridge does; what is for all stays as well.
    rules: ruleset
      .split("\n")
      .filter((line) => /10\.8[89]\.|fd89:|comment/.test(line))
      .filter((line) => !/comment "((from|to) cni-podman\d|loden-cni [\da-f]{16})"/.test(line)),
  };
}

const NOTHING = { links: [], files: [], rules: [] };

describe("podman", () => {
  let storage: string[];
  let env: Record<string, string>;

  beforeAll(() => {
    const folder = (name: string): string => path.join(host.directory, name);
    storage = [`--root=${folder("root")}`, `--runroot=${folder("runroot")}`, `--tmpdir=${folder("tmp")}`];
    const conf = [
      ...["[containers]", 'default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]', "pids_limit = 0"],
      ...["[network]", 'network_backend = "cni"'],
      ...[`cni_plugin_dirs = ["${BIN_DIR}"]`, `network_config_dir = "${CONF_DIR}"`],
      ...["[engine]", 'cgroup_manager = "cgroupfs"', 'events_logger = "file"', 'runtime = "runc"'],
    ];
    writeFileSync(folder("containers.conf"), conf.join("\n"));
    env = { CONTAINERS_CONF: folder("containers.conf") };
  });

  const podman = (...args: string[]): Promise<Finished> =>
    host.run("podman", [...storage, "--storage-driver=vfs", ...args], env);

  test("runs a container that reaches its gateway and is reached at its published port", async () => {
    const web = ["/bin/httpd", "-f", "-p", "80", "-h", "/www"];
    const options = ["-d", "--name=web", "--publish=8088:80", "--mac-address=02:00:00:00:00:42"];
    const started = await podman("run", ...options, "--rootfs", host.rootfs, ...web);
    expect(started.stderr).toBe("");
    expect(started.status).toBe(0);
    const links = await podman("exec", "web", "ip", "addr", "show", "eth0");
    expect(links.stdout).toMatch(/02:00:00:00:00:42[^]*inet 10\.88\.0\.2\/16/);
    expect((await podman("exec", "web", "ping", "-c1", "-W5", GATEWAY)).status).toBe(0);
    for (const address of ["127.0.0.1", GATEWAY]) {
      expect((await host.run("/bin/busybox", ["wget", "-qO-", `http://${address}:8088/`])).stdout).toBe(GREETING);
    }
    const reloaded = await podman("network", "reload", "web");
    expect([reloaded.status, reloaded.stderr]).toEqual([0, ""]);
    expect((await host.run("/bin/busybox", ["wget", "-qO-", "http://127.0.0.1:8088/"])).stdout).toBe(GREETING);
    for (const [kind, found] of Object.entries(leftovers())) expect(found, kind).not.toEqual([]);
    const removed = await podman("rm", "--force", "--time=0", "web");
    expect([removed.status, removed.stderr]).toEqual([0, ""]);
    expect(leftovers()).toEqual(NOTHING);
  });

  /** Runs a command in a container on a network that is made for it, with the options, and goes with it. */
  async function onNetwork(options: readonly string[], command: readonly string[], more: readonly string[] = []) {
    const made = await podman("network", "create", ...options, "own");
    expect([made.status, made.stderr]).toEqual([0, ""]);
    const configuration = readFileSync(path.join(CONF_DIR, "own.conflist"), "utf8");
    const done = await podman("run", "--rm", "--network=own", ...more, "--rootfs", host.rootfs, ...command);
    expect([done.stderr, done.status]).toEqual(["", 0]);
    const removed = await podman("network", "rm", "own");
    expect([removed.status, removed.stderr]).toEqual([0, ""]);
    expect(leftovers()).toEqual(NOTHING);
    return { configuration, stdout: done.stdout };
  }

  test("makes a network of its own, with one more container on it", async () => {
    const { stdout } = await onNetwork(["--subnet=10.89.0.0/24"], ["ip", "a"], ["--ip=10.89.0.77"]);
    expect(stdout).toContain("inet 10.89.0.77/24");
  });

  test("an internal network leads nowhere else", async () => {
    const { stdout } = await onNetwork(["--internal", "--subnet=10.89.1.0/24"], ["ip", "route"]);
    expect(stdout).toMatch(/^10\.89\.1\.0\/24 dev eth0 .*\n$/);
  });

  test("dual stack, kept apart from other bridges", async () => {
    const subnets = ["--subnet=10.89.2.0/24", "--ipv6", "--subnet=fd89:2::/64", "--opt=isolate=true"];
    const { configuration, stdout } = await onNetwork(subnets, ["ping", "-c1", "-W5", "fd89:2::1"]);
    expect(configuration).toContain('"ingressPolicy": "same-bridge"');
    expect(stdout).toContain(" 0% packet loss");
  });

  test("macvlan on a device of the host", async () => {
    execFileSync("ip", ["link", "add", "parent", "type", "veth", "peer", "name", "wire"]);
    execFileSync("ip", ["link", "set", "parent", "up"]);
    execFileSync("ip", ["link", "set", "wire", "up"]);
    execFileSync("ip", ["addr", "add", "10.89.3.1/24", "dev", "wire"]);
    const options = ["--driver=macvlan", "--opt=parent=parent", "--subnet=10.89.3.0/24"];
    const { stdout } = await onNetwork(options, ["ping", "-c1", "-W5", "10.89.3.1"]);
    expect(stdout).toContain(" 0% packet loss");
    execFileSync("ip", ["link", "del", "parent"]);
  });
});

describe("ctr run --cni", () => {
  test("runs a container on the network, and leaves nothing of it", async () => {
    const folder = path.join(host.directory, "containerd");
    mkdirSync(folder);
    const socket = path.join(folder, "socket");
    const config = [
      ...["version = 2", `root = "${folder}/root"`, `state = "${folder}/state"`],
      ...['disabled_plugins = ["io.containerd.grpc.v1.cri"]', "[grpc]", `address = "${socket}"`],
    ];
    writeFileSync(path.join(folder, "config.toml"), config.join("\n"));
    const containerd = host.start("containerd", ["--config", path.join(folder, "config.toml")]);
    await containerd.printed(/containerd successfully booted/);
    expect(existsSync(socket)).toBe(true);
    const look = `ip addr show eth0; ping -c1 -W5 ${GATEWAY}`;
    const run = ["run", "--rm", "--cni", "--rootfs", host.rootfs, "one", "/bin/sh", "-c", look];
    const done = await host.run("ctr", ["--address", socket, ...run]);
    expect([done.status, done.stderr]).toEqual([0, ""]);
    expect(done.stdout).toMatch(/inet 10\.88\.0\.\d+\/16[^]* 0% packet loss/);
    expect(leftovers()).toEqual(NOTHING);
  });
});
