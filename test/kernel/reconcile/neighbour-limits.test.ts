// The limits of the kernel's neighbour tables, on a real kernel. They are the machine's, and its first network namespace alone
// sees them: they are raised in the virtual machine. Here a reconciler finds none, and files in their place.
import { execFileSync } from "node:child_process";
import { afterEach, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { withNetns } from "#kernel/netns";
import { readSysctl, writeSysctl } from "#kernel/sysctl";
import { neighbourLimits, neighbourRank } from "../../../daemon/backend/neighbour-limits.ts";
import { systemClock } from "../../../daemon/clock.ts";
import { createReconciler, type ReconcileEvent, type Reconciler } from "../../../daemon/reconcile/loop.ts";
import { NetlinkKernel } from "../../../daemon/reconcile/kernel/netlink.ts";
import { makeFabric, TEST_MARKS } from "../../support/fabric.ts";
import { inMachine } from "../../support/kernel-features.ts";
import { throwAwayNetns } from "../../support/netns.ts";

const [CLONE_NEWNS, MS_RDONLY, MS_REMOUNT, MS_REC, MS_PRIVATE] = [0x2_0000, 1, 32, 0x4000, 1 << 18];
const families = [4, 6] as const;
type Values = Readonly<Record<"gc_thresh1" | "gc_thresh2" | "gc_thresh3", string>>;
/** Linux's own, of either family. */
const USUAL: Values = { gc_thresh1: "128", gc_thresh2: "512", gc_thresh3: "1024" };
const PEERS = 4_000;
const RAISED: Values = { gc_thresh1: "4096", gc_thresh2: "8192", gc_thresh3: "16384" };

type Within = <T>(fn: () => T) => T;
const directory = (family: number): string => `net/ipv${family}/neigh`;
const place = (family: number, name: string): string => `${directory(family)}/default/${name}`;

let disposables: Disposable[] = [];
afterEach(() => {
  for (const each of disposables.toReversed()) each[Symbol.dispose]();
  disposables = [];
});

/** A reconciler that wants nothing but the limits. */
async function limit(within: Within): Promise<{ reconciler: Reconciler; events: ReconcileEvent[] }> {
  const kernel = new NetlinkKernel({ sys, marks: TEST_MARKS, within });
  const end = new AbortController();
  disposables.push(kernel, { [Symbol.dispose]: () => end.abort() });
  const events: ReconcileEvent[] = [];
  const onEvent = (event: ReconcileEvent): void => void events.push(event);
  const fabric = makeFabric({ type: "alloc", families });
  const reconciler = createReconciler({ kernel, clock: systemClock, fabric, onEvent });
  reconciler.start(end.signal);
  reconciler.replaceLeases([]);
  reconciler.setLimits(neighbourLimits(neighbourRank(PEERS), families));
  await reconciler.settled();
  return { reconciler, events };
}

function valuesIn(within: Within, family: number): Values {
  const read = (name: string): string => within(() => readSysctl(place(family, name))) ?? "";
  return { gc_thresh1: read("gc_thresh1"), gc_thresh2: read("gc_thresh2"), gc_thresh3: read("gc_thresh3") };
}

function write(within: Within, family: number, values: Values): void {
  for (const [name, value] of Object.entries(values)) within(() => writeSysctl(place(family, name), value));
}

function freshNetns(): Within {
  const netns = throwAwayNetns();
  disposables.push(netns);
  return (fn) => netns.run(fn);
}

test("a namespace that does not see them is as it should be", async () => {
  const within = freshNetns();
  expect(valuesIn(within, 4)).toEqual({ gc_thresh1: "", gc_thresh2: "", gc_thresh3: "" });
  const { reconciler, events } = await limit(within);
  expect(reconciler.state()).toMatchObject({ failed: [], ready: true });
  expect(events.some(({ type }) => type === "failed")).toBe(false);
});

describe("files in their place", () => {
  function fakeFiles(): Within {
    const within = freshNetns();
    sys.unshare(CLONE_NEWNS);
    sys.mount("none", "/", "none", MS_PRIVATE | MS_REC);
    for (const family of families) {
      within(() => {
        const folder = `/proc/sys/${directory(family)}`;
        sys.mount("none", folder, "tmpfs", 0);
        execFileSync("mkdir", [`${folder}/default`]);
        for (const name of Object.keys(USUAL)) execFileSync("touch", [`/proc/sys/${place(family, name)}`]);
      });
      write(within, family, USUAL);
    }
    return within;
  }

  test("that are read-only are told of by name, and the node is ready all the same", async () => {
    const within = fakeFiles();
    within(() => sys.mount("none", `/proc/sys/${directory(4)}`, "none", MS_REMOUNT | MS_RDONLY));
    const { reconciler, events } = await limit(within);
    expect(valuesIn(within, 4)).toEqual(USUAL);
    expect(valuesIn(within, 6)).toEqual(RAISED);
    expect(reconciler.state().ready).toBe(true);
    const failures = events.flatMap((event) => (event.type === "failed" ? event.failures : []));
    expect(failures.map(({ key }) => key)).toEqual(Object.keys(USUAL).map((name) => `sysctl ${place(4, name)}`));
    for (const { error } of failures) {
      expect(error).toMatchObject({ code: "ERR_PRIVILEGE", message: expect.stringContaining("gc_thresh") as unknown });
    }
  });
});

test.runIf(inMachine)(
  "of a machine are raised where they are lower, and left where there is more room",
  { tags: ["vm"] },
  async () => {
    const within: Within = (fn) => withNetns(sys, "/proc/1/ns/net", fn);
    for (const family of families) write(within, family, USUAL);
    within(() => writeSysctl(place(6, "gc_thresh3"), "65536"));
    const { reconciler } = await limit(within);
    expect(reconciler.state()).toMatchObject({ failed: [], ready: true });
    expect(valuesIn(within, 4)).toEqual(RAISED);
    expect(valuesIn(within, 6)).toEqual({ ...RAISED, gc_thresh3: "65536" });
    // Whoever lowers them finds them raised again by the comparison; nobody tells of it.
    within(() => writeSysctl(place(4, "gc_thresh3"), "1024"));
    reconciler.resync();
    await reconciler.settled();
    expect(valuesIn(within, 4)).toEqual(RAISED);
  },
);
