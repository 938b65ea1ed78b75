// Plain hosts on the switch that the hosts of daemons are on (lodend.ts): namespaces held by descriptors alone, so that
// all of it goes with the process, kill -9 included. Any host can be cut off without being told.
import type { SpawnOptions } from "node:child_process";
import { makeSwitch, SWITCH_ADDRESS } from "./lodend.ts";
import { bridge, enterFreshNetns, iproute, throwAwayNetns, type ThrowAwayNetns } from "./netns.ts";
import { type Started, startProcess } from "./processes.ts";

/** STP states of a bridge port (linux/if_bridge.h): traffic passes, or vanishes without a word while the carrier stays. */
const PORT_STATE = { disabled: "0", forwarding: "3" } as const;

export interface LanHost extends Disposable {
  readonly address: string;
  readonly netns: ThrowAwayNetns;
  /** Starts a program on the host; it dies with the test. */
  start(command: string, args: readonly string[], options?: SpawnOptions): Started;
  /** Runs `ip` on the host. */
  ip(...args: readonly string[]): string;
  /** See cutOff. */
  cut(off: boolean): void;
}

/** Puts the test process into a namespace of its own with a switch in it, at SWITCH_ADDRESS. Once per process. */
export function enterLan(): void {
  enterFreshNetns();
  makeSwitch();
}

/** A host with eth0 on the switch. Daemons' hosts have numbers too: n is free, and at most 253. */
export function lanHost(n: number): LanHost {
  const netns = throwAwayNetns();
  const address = SWITCH_ADDRESS.replace(/\d+$/, `${n}`);
  const port = `port${n}`;
  const ip = (...args: readonly string[]): string => netns.run(() => iproute(...args));
  iproute("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", netns.path);
  iproute("link", "set", port, "master", "switch0", "up");
  ip("address", "add", `${address}/24`, "dev", "eth0");
  ip("link", "set", "eth0", "up");
  ip("route", "add", "default", "via", SWITCH_ADDRESS);
  return {
    address,
    netns,
    ip,
    start: (command, args, options) => netns.run(() => startProcess(command, args, options)),
    cut: (off) => cutOff(n, off),
    [Symbol.dispose]: () => {
      iproute("link", "delete", port);
      netns[Symbol.dispose]();
    },
  };
}

/** Nothing gets through from or to host n, and nobody is told: neither end sees a link go down. */
export function cutOff(n: number, off: boolean): void {
  bridge("link", "set", "dev", `port${n}`, "state", off ? PORT_STATE.disabled : PORT_STATE.forwarding);
}
