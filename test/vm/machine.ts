// A virtual machine with Debian's kernel, for what the kernel at hand lacks: qemu emulates the processor (so that it runs
// where no KVM is), the host's files are its root over virtiofs (read-only; what it writes goes to its memory), and one
// command runs in it. Set-up brings qemu and the kernel (daemon/build/vm-kernel.mjs).
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Started, startProcess } from "../support/processes.ts";
import { type ArchiveEntry, cpioArchive } from "./cpio.ts";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const kernelFolder = path.join(root, "node_modules/.cache/loden/vm-kernel");
const QEMU = "/usr/bin/qemu-system-x86_64";
const BUSYBOX = ["/bin/busybox", "/usr/bin/busybox"];
/** Of Debian 12's qemu-system-common, and of the package virtiofsd since. */
const VIRTIOFSD = ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"];
const MEMORY = "2048M";
/** Several times what the slowest run took: a machine that hangs ends as well. */
const LIMIT_MS = 900_000;

/** Modules between the kernel and its root, in the order in which they build on each other. */
const ROOT_MODULES = [
  ...["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci"],
  ...["fuse", "virtiofs", "overlay"],
];

/** The second half leaves out what protects a kernel from those who are not there, and costs an emulator much. */
const PARAMETERS = [
  ...["console=ttyS0", "quiet", "panic=-1"],
  ...["mitigations=off", "init_on_alloc=0", "audit=0", "apparmor=0"],
];

const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;
const CHARACTER_DEVICE = 0o020600;

export interface Ran {
  readonly status: number;
  readonly output: string;
}

/** Why no machine can be started here, or nothing. */
export function lackingForMachine(): string | undefined {
  if (process.arch !== "x64") return "only Debian's x64 kernel is run";
  if (!existsSync(QEMU)) return "there is no qemu-system-x86_64";
  if (first(VIRTIOFSD) === undefined) return "there is no virtiofsd";
  if (first(BUSYBOX) === undefined) return "there is no busybox";
  if (!existsSync(path.join(kernelFolder, "boot"))) return "Debian's kernel could not be fetched";
  return undefined;
}

/**
 * Starts a machine, runs a shell command in the project's folder, and waits until the machine is off. `job` is a folder
 * that the machine sees as /run/job and may write to.
 */
export async function runInMachine(command: string, job: string): Promise<Ran> {
  writeFileSync(path.join(job, "command"), `${command}\n`);
  const initramfs = path.join(job, "initramfs");
  writeFileSync(initramfs, cpioArchive(firstRoot()));
  const shares = [
    { tag: "host", source: "/" },
    { tag: "job", source: job },
  ].map((share) => ({ ...share, socket: path.join(job, `${share.tag}.sock`) }));
  const servers = shares.map(({ source, socket }) => serve(source, socket));
  await Promise.all(servers.map((server) => server.printed(/[Ww]aiting for vhost-user socket connection/)));
  const machine = startProcess(QEMU, [
    ...["-accel", "tcg,tb-size=512", "-cpu", "max", "-smp", "1", "-m", MEMORY],
    ...["-object", `memory-backend-memfd,id=memory,size=${MEMORY},share=on`, "-numa", "node,memdev=memory"],
    ...["-kernel", kernelImage(), "-initrd", initramfs],
    ...["-append", [...PARAMETERS, `loden.root=${root}`].join(" ")],
    ...["-nographic", "-no-reboot", "-nic", "none"],
    ...shares.flatMap(({ tag, socket }) => [
      ...["-chardev", `socket,id=${tag},path=${socket}`],
      ...["-device", `vhost-user-fs-pci,chardev=${tag},tag=${tag}`],
    ]),
  ]);
  const limit = setTimeout(() => machine.child.kill("SIGKILL"), LIMIT_MS);
  const { stdout, stderr } = await machine.finished;
  clearTimeout(limit);
  await Promise.all(servers.map((server) => server.finished));
  const status = path.join(job, "status");
  if (!existsSync(status)) throw new Error(`the virtual machine did not end its command:\n${stdout}\n${stderr}`);
  return { status: Number(readFileSync(status, "utf8")), output: readFileSync(path.join(job, "output"), "utf8") };
}

/** virtiofsd ends with the machine, which holds the other end of its socket. */
function serve(source: string, socket: string): Started {
  const program = first(VIRTIOFSD)!;
  const options = program.startsWith("/usr/lib/qemu/")
    ? ["-o", `source=${source}`, "-o", "sandbox=chroot", "-o", "cache=always"]
    : ["--shared-dir", source, "--sandbox", "chroot", "--cache", "always"];
  return startProcess(program, [`--socket-path=${socket}`, ...options]);
}

function firstRoot(): ArchiveEntry[] {
  const modules = ROOT_MODULES.map((name) => ({ name, file: moduleFile(name) })).filter(
    ({ file }) => file !== undefined,
  );
  return [
    ...["bin", "dev", "modules"].map((name) => ({ name, mode: DIRECTORY })),
    { name: "dev/console", mode: CHARACTER_DEVICE, device: [5, 1] },
    { name: "bin/busybox", mode: PROGRAM, data: readFileSync(first(BUSYBOX)!) },
    { name: "init", mode: PROGRAM, data: readFileSync(new URL("init.sh", import.meta.url)) },
    ...modules.map(({ name, file }) => ({ name: `modules/${name}.ko`, mode: PROGRAM, data: readFileSync(file!) })),
    {
      name: "modules/order",
      mode: PROGRAM,
      data: Buffer.from(modules.map(({ name }) => `${name}.ko\n`).join("")),
    },
  ];
}

function kernelImage(): string {
  const boot = path.join(kernelFolder, "boot");
  return path.join(
    boot,
    readdirSync(boot).find((name) => name.startsWith("vmlinuz-"))!,
  );
}

/** A module may be built in, and then has no file. */
function moduleFile(name: string): string | undefined {
  const modules = path.join(kernelFolder, "lib/modules");
  const found = readdirSync(modules, { recursive: true, encoding: "utf8" }).find((file) =>
    file.endsWith(`/${name}.ko`),
  );
  return found === undefined ? undefined : path.join(modules, found);
}

function first(files: readonly string[]): string | undefined {
  return files.find((file) => existsSync(file));
}
