// Four thousand peers on Linux: how many passes, dumps and changes things take. What they take in time is for the
// benchmarks to say.
import { afterEach, beforeEach, expect, test } from "vitest";
import { sys } from "#sys";
import { Address } from "#kernel/ip/address";
import { Prefix } from "#kernel/ip/prefix";
import { systemClock } from "../../../daemon/clock.ts";
import type { Lease } from "../../../daemon/lease/types.ts";
import { NetlinkKernel } from "../../../daemon/reconcile/kernel/netlink.ts";
import { createReconciler, type ReconcileEvent, type Reconciler } from "../../../daemon/reconcile/loop.ts";
import { ownershipMarks } from "../../../daemon/reconcile/marks.ts";
import { makeFabric } from "../../support/fabric.ts";
import { makeHost, type Host } from "../../support/hosts.ts";

const PEERS = 4_000;
const NETWORK = Prefix.parse("10.0.0.0/8");

let host: Host;
let kernel: NetlinkKernel;
let end: AbortController;
let reconciler: Reconciler;
let events: ReconcileEvent[];
let woken: () => void;

beforeEach(() => {
  host = makeHost(1);
  end = new AbortController();
  events = [];
  woken = () => undefined;
  const marks = ownershipMarks("/coreos.com/network", [NETWORK]);
  kernel = new NetlinkKernel({ sys, marks, within: (fn) => host.netns.run(fn) });
  const { network, ...rest } = makeFabric({}, host.node);
  const range = { network: NETWORK, subnetLength: 24, subnetMin: NETWORK.first, subnetMax: NETWORK.last };
  reconciler = createReconciler({
    kernel,
    clock: systemClock,
    fabric: { ...rest, network: { ...network, ranges: { 4: range } } },
    onEvent: (event) => {
      events.push(event);
      woken();
    },
  });
  reconciler.start(end.signal);
});
afterEach(() => {
  end.abort();
  kernel[Symbol.dispose]();
  host[Symbol.dispose]();
});

function lease(n: number): Lease {
  const [high, low] = [n >> 8, n & 255];
  const octets = [high, low].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
  return {
    key: `10.${64 + high}.${low}.0-24`,
    subnet: { 4: Prefix.parse(`10.${64 + high}.${low}.0/24`) },
    publicAddress: { 4: Address.parse(`172.${16 + high}.${low}.1`) },
    backendType: "vxlan",
    backendData: { 4: { VNI: 1, VtepMAC: `0a:00:00:00:${octets}` } },
  };
}

const passes = (): { changes: number; failures: number; isDump: boolean }[] =>
  events.flatMap((event) =>
    event.type === "pass"
      ? [{ changes: event.changes, failures: event.failures, isDump: event.dumped.length > 0 }]
      : [],
  );
const routes = (): number => host.ip("route", "show", "dev", "flannel.1").trim().split("\n").length;

test("all peers are one pass, one lease is three changes and no dump, a lost device is one pass", async () => {
  reconciler.replaceLeases(Array.from({ length: PEERS }, (_, n) => lease(n)));
  await reconciler.settled();
  expect(passes()).toEqual([{ changes: 3 * PEERS + 3, failures: 0, isDump: true }]);
  expect(routes()).toBe(PEERS);
  expect(reconciler.state()).toMatchObject({ applied: 3 * PEERS + 3, failed: [], peers: PEERS, ready: true });

  // What was written comes back as notifications; when a dump has found no difference they have all been seen.
  const isQuiet = (): boolean => passes().at(-1)?.isDump === true && passes().at(-1)?.changes === 0;
  reconciler.resync();
  while (!isQuiet()) await new Promise<void>((resolve) => (woken = resolve));
  events.length = 0;
  reconciler.putLease(lease(PEERS));
  await reconciler.settled();
  reconciler.deleteLease(lease(7).key);
  await reconciler.settled();
  expect(passes()).toEqual([
    { changes: 3, failures: 0, isDump: false },
    { changes: 3, failures: 0, isDump: false },
  ]);

  events.length = 0;
  host.ip("link", "delete", "flannel.1");
  while (!events.some(({ type }) => type === "drift")) await new Promise<void>((resolve) => (woken = resolve));
  await reconciler.settled();
  expect(passes().filter(({ changes }) => changes > 0)).toEqual([
    { changes: 3 * PEERS + 3, failures: 0, isDump: true },
  ]);
  expect(routes()).toBe(PEERS);
});
