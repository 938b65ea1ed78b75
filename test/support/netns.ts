// Network namespaces for tests: this process's own, throw-away ones beside it, and what iproute2 says about them. All of
// it goes with the process, kill -9 included: namespaces are held by descriptors alone, and names lie on a tmpfs in a
// mount namespace of our own.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { sys } from "#sys";
import { CLONE_NEWNET, anonymousNetns, withNetns } from "#kernel/netns";

const CLONE_NEWNS = 0x0002_0000;
const MS_REC = 0x4000;
const MS_PRIVATE = 1 << 18;

/**
 * Puts this test process into a fresh network namespace with `lo` up: the main thread, sockets it makes and child
 * processes it starts. Worker threads and asynchronous file access stay outside.
 */
export function enterFreshNetns(): void {
  sys.unshare(CLONE_NEWNET);
  iproute("link", "set", "lo", "up");
}

/**
 * As enterFreshNetns, and in a mount namespace with an empty /run/netns: `ip netns` and createNetns may be used with any
 * name, and nobody else sees it.
 */
export function enterFreshNetnsWithNames(): void {
  enterFreshNetns();
  sys.unshare(CLONE_NEWNS);
  sys.mount("none", "/", "none", MS_PRIVATE | MS_REC);
  mkdirSync("/run/netns", { recursive: true });
  sys.mount("none", "/run/netns", "tmpfs", 0);
}

export interface ThrowAwayNetns extends Disposable {
  readonly fd: number;
  /** Other processes may open it while this one lives: fit for CNI_NETNS. */
  readonly path: string;
  run<T>(fn: () => T): T;
}

/** A namespace that lives as long as this process, or until disposed of, with `lo` up. */
export function throwAwayNetns(): ThrowAwayNetns {
  const fd = anonymousNetns(sys);
  const run = <T>(fn: () => T): T => withNetns(sys, fd, fn);
  run(() => iproute("link", "set", "lo", "up"));
  return {
    fd,
    path: `/proc/${process.pid}/fd/${fd}`,
    run,
    [Symbol.dispose]: () => sys.close(fd),
  };
}

/** Runs `ip` (ip(8)) in the current namespace and gives what it prints; throws with its complaint when it fails. */
export function iproute(...args: readonly string[]): string {
  return execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** Runs `bridge` (bridge(8)). */
export function bridge(...args: readonly string[]): string {
  return execFileSync("bridge", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

/** What `ip -d -j` says, as objects. */
export function iprouteJson(...args: readonly string[]): Record<string, unknown>[] {
  const text = iproute("-d", "-j", ...args).trim();
  return text === "" ? [] : (JSON.parse(text) as Record<string, unknown>[]);
}

/** What `bridge -d -j` says, as objects. */
export function bridgeJson(...args: readonly string[]): Record<string, unknown>[] {
  const text = bridge("-d", "-j", ...args).trim();
  return text === "" ? [] : (JSON.parse(text) as Record<string, unknown>[]);
}

/** The ruleset as `nft -j list ruleset` prints it, without what it says of itself. */
export function nftRuleset(): Record<string, unknown>[] {
  const text = execFileSync("nft", ["-j", "list", "ruleset"], { encoding: "utf8" });
  const { nftables } = JSON.parse(text) as { nftables: Record<string, unknown>[] };
  return nftables.filter((object) => !("metainfo" in object));
}
