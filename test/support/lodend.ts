// Real lodend processes on hosts that are network namespaces, joined by a switch in the test's own namespace. The test
// enters a fresh namespace first (enterFreshNetns).
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Prefix } from "#kernel/ip/prefix";
import { parseStatus, type Status, statusPaths } from "#spec/status";
import { iproute, type ThrowAwayNetns, throwAwayNetns } from "./netns.ts";
import { type Finished, runProcess, type Started, startProcess } from "./processes.ts";

/** The daemon's entry and the command line's, to be run by this Node. */
export const LODEND = fileURLToPath(new URL("../../daemon/main.ts", import.meta.url));
export const LODEN = fileURLToPath(new URL("../../daemon/cli/loden.ts", import.meta.url));

/** The switch's own address, at which the test can serve the hosts. */
export const SWITCH_ADDRESS = "192.168.99.254";

export function makeSwitch(): void {
  iproute("link", "add", "switch0", "type", "bridge");
  iproute("addr", "add", `${SWITCH_ADDRESS}/24`, "dev", "switch0");
  iproute("link", "set", "switch0", "up");
}

export class LodendHost implements Disposable {
  readonly name: string;
  /** On eth0. */
  readonly address: string;
  readonly netns: ThrowAwayNetns = throwAwayNetns();
  readonly subnetFile: string;
  readonly stateDirectory: string;
  readonly #port: string;

  /** Host n has the address 192.168.99.n and a default route by the switch. */
  constructor(n: number, directory: string) {
    this.name = `host-${n}`;
    this.address = `192.168.99.${n}`;
    this.subnetFile = path.join(directory, this.name, "subnet.env");
    this.stateDirectory = path.join(directory, this.name, "state");
    this.#port = `port${n}`;
    iproute("link", "add", this.#port, "type", "veth", "peer", "name", "eth0", "netns", this.netns.path);
    iproute("link", "set", this.#port, "master", "switch0", "up");
    this.netns.run(() => {
      iproute("addr", "add", `${this.address}/24`, "dev", "eth0");
      iproute("link", "set", "eth0", "up");
      iproute("route", "add", "default", "via", SWITCH_ADDRESS);
    });
  }

  start(...args: readonly string[]): Started {
    return this.netns.run(() =>
      startLodend([`--subnet-file=${this.subnetFile}`, `--state-dir=${this.stateDirectory}`, ...args]),
    );
  }

  run(command: string, ...args: readonly string[]): Promise<Finished> {
    return this.netns.run(() => startProcess(command, args)).finished;
  }

  get subnetEnv(): string {
    return readFileSync(this.subnetFile, "utf8");
  }

  /** `10.5.7.0/24` */
  get subnet(): Prefix {
    const [, text = ""] = /^FLANNEL_SUBNET=(.*)$/m.exec(this.subnetEnv) ?? [];
    return Prefix.parse(text).masked;
  }

  get status(): Status {
    return parseStatus(readFileSync(statusPaths(this.subnetFile).status, "utf8"))!;
  }

  [Symbol.dispose](): void {
    iproute("link", "del", this.#port);
    this.netns[Symbol.dispose]();
  }
}

/** In the current namespace, without a state directory unless one is given, with an environment that holds nothing but PATH and what is given. */
export function startLodend(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Started {
  return startProcess(process.execPath, [LODEND, "--state-dir=", ...args], {
    env: { PATH: process.env["PATH"], ...environment },
  });
}

/** `loden …`, run to its end. */
export function runLoden(...args: readonly string[]): Promise<Finished> {
  return runProcess(process.execPath, [LODEN, ...args]);
}
