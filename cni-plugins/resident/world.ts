// In which world this process lives, and that it is still there after a call.
import { readText } from "#kernel/files";
import { Errno } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import { LodenError } from "#spec/errors";
import type { World } from "./protocol.ts";

/** Set by daemon/build/plugins.ts, with the same value in the client. Sources that run uncompiled match no client. */
declare const LODEN_BUILD_ID: string | undefined;

/** Of the main thread, which is the one that calls run on. */
const OWN_NETNS = "/proc/thread-self/ns/net";
/** credentials(7) as proc_pid_status(5) tells them: real, effective, saved, file system. */
const EFFECTIVE = 1;

function identityOf(sys: Sys, path: string): string {
  const status = sys.stat(path, true);
  if (typeof status === "object") return status.identity;
  throw new Errno(-status, "statx", path);
}

function effectiveId(status: string, field: string): number {
  return Number(statusField(status, field).split(/\s+/)[EFFECTIVE]);
}

function statusField(status: string, name: string): string {
  const line = status.split("\n").find((text) => text.startsWith(`${name}:`));
  if (line !== undefined) return line.slice(name.length + 1).trim();
  throw new LodenError("ERR_INTERNAL", `/proc/self/status has no line ${name}`);
}

export function ownWorld(sys: Sys): World {
  const status = readText(sys, "/proc/self/status") ?? "";
  return {
    build: typeof LODEN_BUILD_ID === "string" ? LODEN_BUILD_ID : "0".repeat(64),
    mount: identityOf(sys, "/proc/self/ns/mnt"),
    network: identityOf(sys, OWN_NETNS),
    user: identityOf(sys, "/proc/self/ns/user"),
    process: identityOf(sys, "/proc/self/ns/pid"),
    root: identityOf(sys, "/"),
    capabilities: BigInt(`0x${statusField(status, "CapEff")}`),
    uid: effectiveId(status, "Uid"),
    gid: effectiveId(status, "Gid"),
  };
}

/** The network namespace the calling thread is in. */
export function currentNetns(sys: Sys): string {
  return identityOf(sys, OWN_NETNS);
}
