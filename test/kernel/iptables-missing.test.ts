// A host without iptables, in a mount namespace in which its programs are covered up.
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sys } from "#sys";
import { composeFabric } from "../../daemon/fabric.ts";
import { readBarriers } from "../../daemon/node/firewall.ts";
import { makeFabric, TEST_MARKS } from "../support/fabric.ts";
import { makeHost, type Host } from "../support/hosts.ts";

const CLONE_NEWNS = 0x0002_0000;
const MS_REC = 0x4000;
const MS_PRIVATE = 1 << 18;

let host: Host;

beforeAll(() => {
  host = makeHost(1);
  host.netns.run(() => {
    execFileSync("iptables-nft", ["-P", "FORWARD", "DROP"]);
    execFileSync("iptables-legacy", ["-P", "FORWARD", "DROP"]);
  });
  sys.unshare(CLONE_NEWNS);
  sys.mount("none", "/", "none", MS_PRIVATE | MS_REC);
  for (const directory of ["/usr/sbin", "/usr/local/sbin"]) sys.mount("none", directory, "tmpfs", 0);
});
afterAll(() => host[Symbol.dispose]());

test.each(["iptables", "iptables-nft", "iptables-legacy"] as const)(
  "with --firewall=%s the package is named, and the rest of the data path is made",
  async (firewall) => {
    const end = new AbortController();
    const { reconciler } = host.reconcile({}, end.signal);
    const { network, node, backends } = makeFabric({}, host.node);
    const { nftTable, peersTable } = TEST_MARKS;
    const rules = { masquerade: true, fullyRandom: true, forward: true, blackhole: false, sourceFilter: true };
    const state = { arePeersKnown: true, accepts: [] };
    reconciler.configure(composeFabric(network, node, backends, { ...rules, firewall, nftTable, peersTable }, state));
    reconciler.replaceLeases([]);
    await reconciler.settled();
    const { failed, ready } = reconciler.state();
    expect(ready).toBe(false);
    expect(failed).toMatchObject(
      [
        {
          key: firewall,
          error: { code: "ERR_MISSING_TOOL", message: expect.stringContaining("apt-get install iptables") as unknown },
        },
      ].map((failure) => ({ ...failure, key: `iptables ${failure.key}` })),
    );
    end.abort();
  },
);

test("a FORWARD chain that drops is seen in the kernel where it can be", () => {
  const barriers = host.netns.run(() => readBarriers(sys, { tables: new Set(), networks: [], devices: [] }));
  expect(barriers).toEqual([{ kind: "iptables", family: 4, variant: "nft", hasDockerUser: false, hasPrograms: false }]);
});
