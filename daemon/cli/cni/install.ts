// `loden install-cni`: puts the executables where the container runtime looks for them, and a network configuration where it
// looks for that. Every file appears whole under its name: copied beside it first, then renamed, which is safe over an older
// one that runs (writing into it fails with "text file busy").
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import path from "node:path";
import { errorText, LodenError } from "#spec/errors";
import { systemFiles, writeFileAtomic } from "../../atomic-file.ts";
import { findExecutables } from "../executables.ts";
import { type CommandFlags, describeFlags, type FlagsOf, readFlags } from "../flags.ts";
import { listNetworks, readNetwork } from "./networks.ts";

const INSTALL_FLAGS = {
  "bin-dir": { kind: "string", default: "/opt/cni/bin", value: "DIR", help: "for the executables; empty: none" },
  "conf-dir": { kind: "string", default: "/etc/cni/net.d", value: "DIR", help: "for the configuration; empty: none" },
  "conf-name": { kind: "string", default: "10-flannel.conflist", value: "NAME", help: "the configuration's file name" },
  "conf-file": {
    kind: "string",
    default: "",
    value: "FILE",
    help: "the configuration to put there; default: the flannel plugin with port mappings",
  },
  "overwrite-conf": { kind: "boolean", default: false, help: "also over a configuration that differs" },
} as const satisfies CommandFlags;

const USAGE = `Puts the CNI executables and a network configuration in place, each file at once and over an older one.

usage: loden install-cni [flags]

${describeFlags(INSTALL_FLAGS)}

Exit status: 0 all is in place, 1 something could not be put there, 2 bad usage.
`;

/** The list that kube-flannel has. */
const FLANNEL_CONF_LIST = {
  name: "cbr0",
  cniVersion: "1.0.0",
  plugins: [
    { type: "flannel", delegate: { hairpinMode: true, isDefaultGateway: true } },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};

const EXECUTABLE_MODE = 0o755;
const CONF_MODE = 0o644;

export function runInstallCni(args: readonly string[]): Promise<number> {
  const { flags, help } = readFlags(INSTALL_FLAGS, args);
  if (help) process.stdout.write(USAGE);
  else {
    const conf = configuration(flags);
    // The executables first: a runtime that sees the configuration uses them at once.
    if (flags["bin-dir"] !== "") installExecutables(findExecutables().cni, flags["bin-dir"]);
    if (flags["conf-dir"] !== "") installConfiguration(flags, conf);
  }
  return Promise.resolve(0);
}

/** Links among the executables stay links: a large file is copied once. */
function installExecutables(from: string, to: string): void {
  const names = readdirSync(from).filter((name) => !name.startsWith("."));
  const copies = new Map<number, string>();
  const made: string[] = [];
  const temporary = (name: string): string => path.join(to, `.${name}.loden-${process.pid}`);
  try {
    mkdirSync(to, { recursive: true, mode: EXECUTABLE_MODE });
    for (const name of names) {
      const { ino } = statSync(path.join(from, name));
      const copy = copies.get(ino);
      made.push(temporary(name));
      if (copy === undefined) {
        copyFileSync(path.join(from, name), temporary(name));
        chmodSync(temporary(name), EXECUTABLE_MODE);
      } else linkOrCopy(copy, temporary(name));
      copies.getOrInsert(ino, temporary(name));
    }
    // The plugins become the whole executable where no resident serves them: that is there before them.
    const isWhole = (name: string): number => Number(name === "loden-cni");
    for (const name of names.toSorted((a, b) => isWhole(b) - isWhole(a)))
      renameSync(temporary(name), path.join(to, name));
  } catch (error) {
    throw new LodenError("ERR_PRIVILEGE", `the executables could not be put into ${to}: ${errorText(error)}`, {
      cause: error,
    });
  } finally {
    for (const file of made) rmSync(file, { force: true });
  }
  process.stdout.write(`${to}: ${names.toSorted().join(", ")}\n`);
}

/** Some file systems have no hard links. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
    chmodSync(to, EXECUTABLE_MODE);
  }
}

/** The text to install, checked. @throws LodenError ERR_USAGE, ERR_CONFIG */
function configuration(flags: FlagsOf<typeof INSTALL_FLAGS>): string {
  const name = flags["conf-name"];
  if (path.basename(name) !== name || ![".conflist", ".conf", ".json"].includes(path.extname(name))) {
    const must = 'a file name that ends in ".conflist", ".conf" or ".json"';
    throw new LodenError("ERR_USAGE", `--conf-name is ${JSON.stringify(name)}, must be ${must}`);
  }
  const file = flags["conf-file"];
  if (file === "") return `${JSON.stringify(FLANNEL_CONF_LIST, undefined, 2)}\n`;
  if (!existsSync(file)) throw new LodenError("ERR_USAGE", `--conf-file: there is no ${file}`);
  readNetwork(file);
  return readFileSync(file, "utf8");
}

function installConfiguration(flags: FlagsOf<typeof INSTALL_FLAGS>, text: string): void {
  const folder = flags["conf-dir"];
  const file = path.join(folder, flags["conf-name"]);
  const present = systemFiles.read(file);
  if (present !== undefined && present !== text && !flags["overwrite-conf"]) {
    process.stdout.write(`${file}: kept as it is, though it differs; --overwrite-conf replaces it\n`);
  } else {
    try {
      if (present !== text) writeFileAtomic(file, text, CONF_MODE);
    } catch (error) {
      throw new LodenError("ERR_PRIVILEGE", `${file} could not be written: ${errorText(error)}`, { cause: error });
    }
    process.stdout.write(`${file}: ${present === text ? "is there already" : "written"}\n`);
  }
  const [first] = listNetworks(folder, (complaint) => process.stdout.write(`warning: ${complaint}\n`));
  if (first !== undefined && first.file !== file) {
    const how = "most runtimes take the first file by name";
    process.stdout.write(`warning: ${first.file} (network ${first.network.name}) comes before it; ${how}\n`);
  }
}
