// A node that starts a hundred containers at once, and stops them: no address twice, nothing left, no lock held; our
// plugins and the Go ones on the same bridge and in the same directory.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sys } from "#sys";
import { GO_PLUGINS, compiledPlugins, startPlugin, type Invocation } from "../../support/cni.ts";
import { Host, addressesOf, hasGoPlugins } from "../../support/cni-rig.ts";

const CONTAINERS = 100;
/** As many as a busy node has; more processes at once only wait for the processor. */
const AT_ONCE = 20;

let host: Host;
beforeAll(() => {
  host = new Host();
  execFileSync("ip", ["link", "set", "lo", "up"]);
});
afterAll(() => host[Symbol.dispose]());

/** Starts every call, some at a time, and gives their outcomes in order. */
async function all(calls: readonly Invocation[]) {
  const outcomes: Awaited<ReturnType<typeof startPlugin>>[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < calls.length) {
      const index = next++;
      outcomes[index] = await startPlugin(calls[index]!);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return outcomes;
}

test.each([
  ["ours alone", () => false],
  ["ours and Go's by turns", (index: number) => hasGoPlugins && index % 2 === 1],
])("a hundred ADDs, then a hundred DELs: %s", async (title, isGo) => {
  const ours = compiledPlugins();
  const dataDir = path.join(host.work, title.replaceAll(/\W/g, "-"));
  const config = {
    cniVersion: "1.0.0",
    name: "crowd",
    type: "bridge",
    bridge: "crowd0",
    isDefaultGateway: true,
    ipam: { type: "host-local", dataDir, ranges: [[{ subnet: "10.60.0.0/24" }]] },
  };
  const sandboxes = Array.from({ length: CONTAINERS }, () => host.sandbox());
  const calls = (command: string): Invocation[] =>
    sandboxes.map((sandbox, index) => ({
      command,
      directory: isGo(index) ? GO_PLUGINS : ours,
      plugin: "bridge",
      config,
      containerId: `c${index}`,
      netns: sandbox.path,
    }));
  const added = await all(calls("ADD"));
  expect(added.filter(({ status }) => status !== 0).map(({ stdout }) => stdout)).toEqual([]);
  const addresses = added.flatMap(({ document }) => addressesOf(document).map(({ address }) => address));
  expect(new Set(addresses).size).toBe(CONTAINERS);
  expect(host.veths()).toHaveLength(CONTAINERS);

  const removed = await all(calls("DEL"));
  expect(removed.filter(({ status }) => status !== 0).map(({ stdout }) => stdout)).toEqual([]);
  expect(host.veths()).toEqual([]);
  const left = fs.readdirSync(path.join(dataDir, "crowd"));
  expect(left.toSorted()).toEqual(["last_reserved_ip.0", "lock"]);
  // Where Go's plugin was the last, our index still has what that removed, until one of ours looks.
  await startPlugin(calls("DEL")[0]!);
  expect(fs.readdirSync(path.join(dataDir, ".loden/crowd"))).toEqual([".boot"]);
  const lock = sys.open(path.join(dataDir, "crowd/lock"), 0);
  // LOCK_EX | LOCK_NB: throws when anybody holds it.
  expect(() => sys.flock(lock, 2 | 4)).not.toThrow();
  sys.close(lock);
  for (const sandbox of sandboxes) sandbox.close();
});
