// One Ethernet for a test: a bridge in the test process's own namespace, and hosts as namespaces of their own on it. Held
// by descriptors alone, so that all of it goes with the process, kill -9 included.
import type { SpawnOptions } from "node:child_process";
import { bridge, enterFreshNetns, iproute, throwAwayNetns, type ThrowAwayNetns } from "./netns.ts";
import { type Started, startProcess } from "./processes.ts";

/** A network for benchmarks (RFC 2544): no real host can be meant. */
const NETWORK = "198.18.0";

/** STP states of a bridge port (linux/if_bridge.h): traffic passes, or vanishes without a word while the carrier stays. */
const PORT_STATE = { disabled: "0", forwarding: "3" } as const;

export interface LanHost extends Disposable {
  readonly address: string;
  readonly netns: ThrowAwayNetns;
  /** Starts a program on the host; it dies with the test. */
  start(command: string, args: readonly string[], options?: SpawnOptions): Started;
  /** Runs `ip` on the host. */
  ip(...args: readonly string[]): string;
  /** Nothing gets through from or to the host, and nobody is told: neither end sees a link go down. */
  cut(off: boolean): void;
}

export interface Lan {
  /** The test's own address on it. */
  readonly address: string;
  /** A host with eth0 at <network>.n, n from 1 to 253. */
  host(n: number): LanHost;
}

/** Puts the test process into a namespace of its own and makes the bridge there. Once per process. */
export function enterLan(): Lan {
  enterFreshNetns();
  const address = `${NETWORK}.254`;
  iproute("link", "add", "lan", "type", "bridge");
  iproute("address", "add", `${address}/24`, "dev", "lan");
  iproute("link", "set", "lan", "up");
  return { address, host: plugIn };
}

function plugIn(n: number): LanHost {
  const netns = throwAwayNetns();
  const address = `${NETWORK}.${n}`;
  const port = `port${n}`;
  const ip = (...args: readonly string[]): string => netns.run(() => iproute(...args));
  iproute("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", netns.path);
  iproute("link", "set", port, "master", "lan", "up");
  ip("address", "add", `${address}/24`, "dev", "eth0");
  ip("link", "set", "eth0", "up");
  ip("route", "add", "default", "via", `${NETWORK}.254`);
  return {
    address,
    netns,
    ip,
    start: (command, args, options) => netns.run(() => startProcess(command, args, options)),
    cut: (off) => setPortState(port, off ? "disabled" : "forwarding"),
    [Symbol.dispose]: () => {
      iproute("link", "delete", port);
      netns[Symbol.dispose]();
    },
  };
}

function setPortState(port: string, state: keyof typeof PORT_STATE): void {
  bridge("link", "set", "dev", port, "state", PORT_STATE[state]);
}
