// A host for real container runtimes: network namespace, /run/netns, /var/lib, /opt and /etc of its own, a root file system
// made of busybox, and a network configuration that names the executables of dist/cni. All of it goes with the process.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { sys } from "#sys";
import { enterFreshNetnsWithNames } from "./netns.ts";
import { type Finished, runProcess, type Started, startProcess } from "./processes.ts";
import { tempDir } from "./temp-dir.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
/** Of the host's process namespace: all others end with it. */
const FIRST_PROCESS = ["sh", "-c", "echo ready; exec sleep infinity"];
const APPLETS = ["sh", "ip", "ping", "httpd", "cat", "wget"];

/** Where containerd's client looks, unchangeable. */
export const BIN_DIR = "/opt/cni/bin";
export const CONF_DIR = "/etc/cni/net.d";
export const GREETING = "greetings from a container";

export interface ContainerHost extends AsyncDisposable {
  readonly directory: string;
  /** Runs a program among the host's processes, which end together, daemons that they leave included. */
  run(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Finished>;
  start(command: string, args: readonly string[]): Started;
  /** A container's root, with a web page in /www. */
  readonly rootfs: string;
}

export async function containerHost(list: object): Promise<ContainerHost> {
  const directory = tempDir("containers");
  enterFreshNetnsWithNames();
  for (const folder of ["/var/lib", "/opt"]) sys.mount("none", folder, "tmpfs", 0);
  mkdirSync("/opt/etc/upper", { recursive: true });
  mkdirSync("/opt/etc/work");
  sys.mount("none", "/etc", "overlay", 0, "lowerdir=/etc,upperdir=/opt/etc/upper,workdir=/opt/etc/work");
  cpSync(path.join(dist, "cni"), BIN_DIR, { recursive: true });
  rmSync(CONF_DIR, { recursive: true, force: true }); // podman's package brings a configuration
  mkdirSync(CONF_DIR, { recursive: true });
  writeFileSync(path.join(CONF_DIR, "10-test.conflist"), JSON.stringify(list));
  const first = startProcess("unshare", ["--pid", "--fork", "--kill-child", "--mount-proc", "--", ...FIRST_PROCESS]);
  await first.printed(/ready/);
  const unshare = String(first.child.pid);
  const pid = readFileSync(`/proc/${unshare}/task/${unshare}/children`, "utf8").trim();
  const inside = (command: string, args: readonly string[]): string[] => [
    `--target=${pid}`,
    "--pid",
    "--mount",
    command,
    ...args,
  ];
  return {
    directory: directory.path,
    run: (command, args, env = {}) => runProcess("nsenter", inside(command, args), { env: { ...process.env, ...env } }),
    start: (command, args) => startProcess("nsenter", inside(command, args)),
    rootfs: makeRoot(path.join(directory.path, "rootfs")),
    [Symbol.asyncDispose]: async () => {
      first.child.kill("SIGKILL");
      await first.finished;
      await directory[Symbol.asyncDispose]();
    },
  };
}

function makeRoot(root: string): string {
  for (const folder of ["bin", "etc", "proc", "sys", "dev", "tmp", "www"]) {
    mkdirSync(path.join(root, folder), { recursive: true });
  }
  cpSync("/bin/busybox", path.join(root, "bin/busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", path.join(root, "bin", applet));
  writeFileSync(path.join(root, "www/index.html"), GREETING);
  return root;
}

/** Files under /var/lib/cni that stand for an attachment: reserved addresses and cached results. */
export function attachmentFiles(): string[] {
  return readdirSync("/var/lib/cni", { recursive: true, encoding: "utf8" }).filter((file) => {
    const name = path.basename(file);
    return /^\d+\.\d+\.\d+\.\d+$/.test(name) || file.startsWith("results/") || name.includes(":");
  });
}
