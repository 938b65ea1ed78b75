// Brings a machine to where an npm script can run: Debian packages, npm packages, the build. Plain JavaScript for the
// Node that Debian or the user has (20 or later), since the pinned one arrives only with the npm packages. It says what
// it installs, does nothing that is done already, and never asks.
//
//   node daemon/build/setup.mjs [--for demo|test|build|bench [-- command [argument ...]]]
//
// The command then takes this process's place as far as Node allows: same streams, signals passed on, its exit status.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { fetchVmKernel } from "./vm-kernel.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const stamp = path.join(root, "node_modules/.loden-setup");

/** Debian packages by purpose, each with what it is for. `have` are files of which one shows that it is there. */
const RUN = [
  { name: "libatomic1", why: "the Node runtime", have: ["libatomic.so.1"] },
  { name: "libnftables1", why: "masquerade rules", have: ["libnftables.so.1"] },
  { name: "util-linux", why: "child processes that end with their parent", have: ["/usr/bin/setpriv"] },
];
const COMPILE = [
  { name: "g++", why: "the raw-socket addon", have: ["/usr/bin/g++", "/usr/bin/c++"] },
  { name: "gcc", why: "the client of the CNI plugins", have: ["/usr/bin/gcc"] },
  { name: "libc6-dev", why: "the client of the CNI plugins", have: ["libc.a"] },
  { name: "make", why: "the raw-socket addon", have: ["/usr/bin/make"] },
  { name: "python3", why: "the raw-socket addon", have: ["/usr/bin/python3", "/usr/local/bin/python3"] },
  { name: "clang", why: "the BPF programs of the udp backend", have: ["/usr/bin/clang"] },
  { name: "libbpf-dev", why: "the BPF programs' headers", have: ["/usr/include/bpf/bpf_helpers.h"] },
];
const ETCD = [
  { name: "etcd-server", why: "the real etcd", have: ["/usr/bin/etcd"] },
  { name: "etcd-client", why: "etcdctl", have: ["/usr/bin/etcdctl"] },
];
const TEST = [
  ...ETCD,
  {
    name: "iproute2",
    why: "the peer that netlink tests are held against",
    have: ["/usr/sbin/ip", "/sbin/ip", "/bin/ip"],
  },
  { name: "nftables", why: "the peer that nftables tests are held against", have: ["/usr/sbin/nft"] },
  { name: "dbus-daemon", why: "the message bus that firewalld is asked on", have: ["/usr/bin/dbus-daemon"] },
  { name: "iptables", why: "the iptables masquerade backend", have: ["/usr/sbin/iptables"] },
  { name: "procps", why: "kill, for tests of signals", have: ["/bin/kill", "/usr/bin/kill"] },
  { name: "iputils-ping", why: "pings between test containers", have: ["/bin/ping", "/usr/bin/ping"] },
  {
    name: "containernetworking-plugins",
    why: "the Go plugins we share directories with",
    have: ["/usr/lib/cni/bridge"],
  },
  { name: "dnsmasq-base", why: "the server that the dhcp plugin is held against", have: ["/usr/sbin/dnsmasq"] },
  {
    name: "net-tools",
    why: "arp, in flannel's example of the extension backend",
    have: ["/usr/sbin/arp", "/sbin/arp"],
  },
  { name: "ethtool", why: "benchmarks without segmentation offloads", have: ["/usr/sbin/ethtool", "/usr/bin/ethtool"] },
  { name: "iperf3", why: "throughput between test containers", have: ["/usr/bin/iperf3"] },
  { name: "podman", why: "a container runtime that calls our plugins", have: ["/usr/bin/podman"] },
  { name: "containerd", why: "another", have: ["/usr/bin/containerd"] },
  { name: "runc", why: "what both start containers with", have: ["/usr/sbin/runc", "/usr/bin/runc"] },
  { name: "openssl", why: "certificates for the TLS tests", have: ["/usr/bin/openssl"] },
  { name: "systemd", why: "the check of the example units", have: ["/usr/bin/systemd-analyze"] },
  { name: "git", why: "tests of the tree itself", have: ["/usr/bin/git", "/usr/local/bin/git"] },
];
/** For the tests in a virtual machine. */
const VM = [
  { name: "qemu-system-x86", why: "the virtual machine of tests", have: ["/usr/bin/qemu-system-x86_64"] },
  { name: "busybox-static", why: "the first program in that machine", have: ["/usr/share/doc/busybox-static"] },
];
/** A package of its own since Debian 13; part of qemu-system-common before. */
const VIRTIOFS = [
  {
    name: "virtiofsd",
    why: "the files of that machine",
    have: ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"],
  },
];
const PURPOSES = {
  demo: [...RUN, ...COMPILE],
  build: [...RUN, ...COMPILE],
  test: [...RUN, ...COMPILE, ...TEST],
  bench: [...RUN, ...COMPILE, ...TEST],
};

function say(text) {
  process.stderr.write(`loden set-up: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8", maxBuffer: 64 << 20, ...options });
  if (result.error) fail(`${command} could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}\n`);
    fail(`"${command} ${args.join(" ")}" failed with status ${result.status ?? result.signal}.`);
  }
  return result.stdout;
}

function isThere(file) {
  if (file.startsWith("/")) return existsSync(file);
  const multiarch = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" }[process.arch] ?? "";
  return [`/lib/${multiarch}`, `/usr/lib/${multiarch}`, "/lib64", "/usr/lib64", "/lib", "/usr/lib"].some((dir) =>
    existsSync(path.join(dir, file)),
  );
}

function installDebianPackages(packages) {
  const missing = packages.filter((p) => !p.have.some(isThere));
  if (missing.length === 0) return;
  const names = missing.map((p) => p.name);
  const list = missing.map((p) => `${p.name} (${p.why})`).join(", ");
  if (!existsSync("/usr/bin/apt-get")) {
    fail(`missing: ${list}. There is no apt-get here; install them with this system's package manager and run again.`);
  }
  if (process.getuid?.() !== 0) {
    fail(`missing: ${list}. Run as root, or install them yourself: apt-get install ${names.join(" ")}`);
  }
  say(`installing Debian packages: ${list}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  run("apt-get", ["update", "-qq"], { env });
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...names], { env });
}

function npmPackagesStamp() {
  const hash = createHash("sha256");
  for (const file of ["package.json", "package-lock.json", "daemon/build/native.mjs"]) {
    hash.update(readFileSync(path.join(root, file)));
  }
  return `${process.arch} ${hash.digest("hex")}\n`;
}

function installNpmPackages() {
  const want = npmPackagesStamp();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === want) return;
  say("installing npm packages, with the Node runtime among them (about 300 MB, a minute or so)");
  const npm = process.env.npm_execpath;
  // Not "npm ci": it refuses a lock file that lacks packages of other platforms, which not every mirror has.
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  if (npm) run(process.execPath, [npm, ...args]);
  else run("npm", args);
  writeFileSync(stamp, want);
}

/** The executables, made anew only when a source file changed. */
function build() {
  const node = path.join(root, "node_modules/.bin/node");
  const result = spawnSync(node, ["daemon/build/dist.ts", "--if-changed"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.status !== 0) fail("the build failed; its output stands above.");
}

/** Ctrl-C reaches the whole process group, so that the command ends by itself and we only wait for it. */
function runCommand([command, ...args]) {
  const bin = path.join(root, "node_modules/.bin");
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
  const child = spawn(command.includes("/") ? path.join(root, command) : command, args, {
    cwd: root,
    env,
    stdio: "inherit",
  });
  child.on("error", (error) => fail(`${command} could not be started: ${error.message}`));
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (os.constants.signals[signal] ?? 0)));
}

const split = process.argv.indexOf("--");
const own = split < 0 ? process.argv.slice(2) : process.argv.slice(2, split);
const command = split < 0 ? [] : process.argv.slice(split + 1);
const purpose = own[0] === "--for" ? own[1] : "test";
if (!(purpose in PURPOSES)) fail(`--for takes one of ${Object.keys(PURPOSES).join(", ")}`);
if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
  fail(`Loden runs on Linux, x64 or arm64; this is ${process.platform} ${process.arch}.`);
}
const packages = [...PURPOSES[purpose]];
// The demo on etcd is the one case where what is needed stands in the command's own arguments.
if (purpose === "demo" && /(^| )--?store[= ]etcd( |$)/.test(command.join(" "))) packages.push(...ETCD);
const machine = purpose === "test" && process.arch === "x64";
installDebianPackages(machine ? [...packages, ...VM] : packages);
if (machine) installDebianPackages(VIRTIOFS);
installNpmPackages();
if (machine) fetchVmKernel(root, say);
if (purpose !== "build") build();
if (command.length > 0) runCommand(command);
