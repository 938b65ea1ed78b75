// Waiting for the demo's processes by what they do: a file that appears, a port that answers.
import { existsSync, watch } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Address } from "#kernel/ip/address";
import { withNetns } from "#kernel/netns";
import type { Sys } from "#kernel/sys";
import { connectNow } from "./connect.ts";

/** Resolves when the file is there; its directory must exist. */
export function whenExists(file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const watcher = watch(path.dirname(file), check);
    watcher.on("error", reject);
    function check(): void {
      if (!existsSync(file)) return;
      watcher.close();
      resolve();
    }
    check();
  });
}

const RETRY_MS = 20; // a refused connection on the same machine costs nothing; a store is up within some 100 ms

/** Resolves when something listens on the port in the namespace. */
export async function whenListening(sys: Sys, netns: number, address: Address, port: number): Promise<void> {
  for (;;) {
    try {
      sys.close(withNetns(sys, netns, () => connectNow(sys, address, port)));
      return;
    } catch {
      await delay(RETRY_MS);
    }
  }
}
