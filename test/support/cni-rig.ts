// A host for plugin tests: a network namespace of the test's own, a work directory, and the plugins in three forms.
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { CLONE_NEWNET } from "#kernel/netns";
import { linkDump, type Link } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { withNetns } from "#kernel/netns";
import { sys } from "#sys";
import {
  GO_PLUGINS,
  NamedSandbox,
  Sandbox,
  callPlugin,
  compiledPlugins,
  nodePlugins,
  type Invocation,
  type Outcome,
} from "./cni.ts";
import { inMachine } from "./kernel-features.ts";

interface Form {
  readonly form: "compiled" | "Node";
  readonly directory: () => string;
}

const COMPILED: Form = { form: "compiled", directory: compiledPlugins };

/** The two ways our sources run; in the virtual machine the faster one. */
export const FORMS: readonly [Form, ...Form[]] = inMachine
  ? [COMPILED]
  : [COMPILED, { form: "Node", directory: nodePlugins }];

export const hasGoPlugins = fs.existsSync(path.join(GO_PLUGINS, "bridge"));
export const NO_GO_PLUGINS = "Debian's containernetworking-plugins are not installed";

/** linux/sched.h, sys/mount.h */
const CLONE_NEWNS = 0x2_0000;
const MS_REC = 0x4000;
const MS_PRIVATE = 1 << 18;

/** Moves this process (and the children it starts) into a new network namespace and makes a directory. */
export class Host implements Disposable {
  readonly work: string;
  #hasOwnNames = false;

  constructor() {
    sys.unshare(CLONE_NEWNET);
    this.work = fs.mkdtempSync(path.join(os.tmpdir(), "loden-cni-"));
  }

  links(): Link[] {
    using socket = NetlinkSocket.open(sys);
    return linkDump(socket);
  }

  /** Mounts of this process alone, so that its namespaces' names are nobody else's and go with it. */
  #hideNames(): void {
    if (this.#hasOwnNames) return;
    sys.unshare(CLONE_NEWNS);
    sys.mount("none", "/", "none", MS_REC | MS_PRIVATE);
    fs.mkdirSync("/run/netns", { recursive: true });
    sys.mount("tmpfs", "/run/netns", "tmpfs", 0);
    this.#hasOwnNames = true;
  }

  /** Names of the host's links but for lo and the bridges. */
  veths(): string[] {
    return this.links()
      .filter((link) => link.kind?.kind === "veth")
      .map((link) => link.name);
  }

  sandbox(): Sandbox {
    return new Sandbox(sys);
  }

  /** A namespace in /run/netns, as runtimes and `ip netns` keep them. */
  namedSandbox(): NamedSandbox {
    this.#hideNames();
    return new NamedSandbox(sys, path.join("/run/netns", `${path.basename(this.work)}-${randomUUID()}`));
  }

  linksIn(sandbox: Sandbox): Link[] {
    return withNetns(sys, sandbox.fd, () => this.links());
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.work, { recursive: true, force: true });
  }
}

/** A call that must succeed; what it printed. */
export function succeed(call: Invocation): Record<string, unknown> | undefined {
  const outcome = callPlugin(call);
  if (outcome.status === 0) return outcome.document;
  throw new Error(`${call.plugin} ${call.command} failed: ${outcome.stdout}${outcome.stderr}`);
}

/** A call that must fail as the specification says: exit status 1, an error document on the output. */
export function fail(call: Invocation): { code: number; msg: string; details: string; cniVersion: unknown } {
  return asError(callPlugin(call));
}

export function asError(outcome: Outcome): { code: number; msg: string; details: string; cniVersion: unknown } {
  const { status, document, stdout, stderr } = outcome;
  const { code, msg, details = "", cniVersion } = document ?? {};
  if (status !== 1 || typeof code !== "number" || typeof msg !== "string" || typeof details !== "string") {
    throw new Error(`not a CNI error: exit status ${String(status)}, output ${stdout}, ${stderr}`);
  }
  return { code, msg, details, cniVersion };
}

export interface Address {
  readonly interface?: number;
  readonly address: string;
  readonly gateway?: string;
  readonly version?: string;
}

/** The addresses of a result of version 0.3.0 or later. */
export function addressesOf(result: Record<string, unknown> | undefined): Address[] {
  return (result?.["ips"] ?? []) as Address[];
}
