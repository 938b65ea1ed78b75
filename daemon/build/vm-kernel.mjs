// Fetches Debian's cloud kernel for the virtual machine of the tests into the project's cache: downloaded and unpacked, not
// installed, so that the machine's own boot is left alone. Plain JavaScript for the Node that Debian or the user has.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";

const PACKAGE = { x64: "linux-image-cloud-amd64" }[process.arch];

/**
 * Does nothing when it is there. A failure is told, not fatal: the tests that need it say that it is missing.
 * @param {string} root the project's folder
 * @param {(text: string) => void} say
 */
export function fetchVmKernel(root, say) {
  const folder = path.join(root, "node_modules/.cache/loden/vm-kernel");
  if (PACKAGE === undefined || existsSync(folder) || !existsSync("/usr/bin/apt-get")) return;
  const work = `${folder}.${process.pid}`;
  mkdirSync(work, { recursive: true });
  try {
    const depends = output("apt-cache", ["depends", PACKAGE], work);
    const image = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
    if (image === undefined) throw new Error(`apt knows no ${PACKAGE}`);
    say(`fetching Debian's kernel ${image} for the tests in a virtual machine (about 30 MB)`);
    // As a user that may write here: apt's own download user may not.
    output("apt-get", ["-qq", "-o", "APT::Sandbox::User=root", "download", image], work);
    const file = readdirSync(work).find((name) => name.endsWith(".deb"));
    output("dpkg-deb", ["-x", file, "."], work);
    rmSync(path.join(work, file));
    if (existsSync(path.join(work, "usr/lib/modules"))) renameSync(path.join(work, "usr/lib"), path.join(work, "lib"));
    const [version] = readdirSync(path.join(work, "lib/modules"));
    output("busybox", ["depmod", "-b", work, version], work);
    renameSync(work, folder);
  } catch (error) {
    say(`no kernel for the virtual machine: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function output(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(" ")}: ${(result.error ?? result.stderr).toString()}`);
  return result.stdout;
}
