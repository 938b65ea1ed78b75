// What the reconciler makes is what `ip`, `bridge` and flannel make of the same leases, held side by side in `ip -d -j`;
// and what flannel left behind is taken over without interruption.
import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { linkKey } from "../../../daemon/reconcile/objects.ts";
import { makeFabric, makeLease, macOf } from "../../support/fabric.ts";
import { makeHost, type Host } from "../../support/hosts.ts";

let ours: Host;
let theirs: Host;

beforeEach(() => {
  ours = makeHost(1);
  theirs = makeHost(1);
});
afterEach(() => {
  ours[Symbol.dispose]();
  theirs[Symbol.dispose]();
});

type Json = Record<string, unknown>;

function bridge(host: Host, ...args: readonly string[]): string {
  return host.netns.run(() => execFileSync("bridge", args, { encoding: "utf8" }));
}

/** All about the fabric that iproute2 tells, less the names of who made it. */
function picture(host: Host): unknown {
  const list = (...args: readonly string[]): Json[] => JSON.parse(host.ip("-d", "-j", ...args) || "[]") as Json[];
  const less = (object: Json, ...keys: readonly string[]): Json =>
    Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
  return {
    link: list("link", "show", "flannel.1").map((link) => less(link, "ifindex", "ifalias", "stats64")),
    address: list("address", "show", "dev", "flannel.1", "scope", "global").map((link) => link["addr_info"]),
    routes: list("route", "show", "dev", "flannel.1").map((route) => less(route, "protocol")),
    neighbours: list("neighbour", "show", "dev", "flannel.1", "nud", "permanent")
      .map((entry) => JSON.stringify(less(entry, "protocol")))
      .toSorted(),
    fdb: bridge(host, "fdb", "show", "dev", "flannel.1").trim().split("\n").toSorted(),
  };
}

function mac(host: Host): string {
  const [backend] = makeFabric({}, host.node).backends;
  return (backend!.advertise(host.node)[4] as { VtepMAC: string }).VtepMAC;
}

/** What flannel.md tells of flannel's vxlan backend, typed in. */
function byHand(host: Host, address: string, peers: readonly number[]): void {
  const base = ["link", "add", "flannel.1", "address", address, "mtu", "1450", "type", "vxlan", "id", "1"];
  host.ip(...base, "local", "192.168.0.1", "dev", "eth0", "nolearning");
  host.ip("address", "add", "10.5.1.0/32", "dev", "flannel.1");
  host.ip("link", "set", "flannel.1", "up");
  for (const n of peers) {
    host.ip("neighbour", "replace", `10.5.${n}.0`, "lladdr", macOf(n), "dev", "flannel.1", "nud", "permanent");
    bridge(host, "fdb", "replace", macOf(n), "dev", "flannel.1", "dst", `192.168.0.${n}`, "self", "permanent");
    host.ip("route", "replace", `10.5.${n}.0/24`, "via", `10.5.${n}.0`, "dev", "flannel.1", "onlink");
  }
}

test("the device, its address and its peers are as made by hand", async () => {
  const { reconciler } = ours.reconcile();
  reconciler.replaceLeases([makeLease(2), makeLease(3)]);
  await reconciler.settled();
  byHand(theirs, mac(theirs), [2, 3]);
  expect(picture(ours)).toEqual(picture(theirs));
});

test("the mark shows in what iproute2 lists", async () => {
  const { reconciler } = ours.reconcile();
  reconciler.replaceLeases([makeLease(2)]);
  await reconciler.settled();
  expect(JSON.parse(ours.ip("-j", "link", "show", "flannel.1"))).toMatchObject([
    { ifalias: "loden /coreos.com/network" },
  ]);
  expect(ours.ip("-N", "route", "show", "protocol", "76")).toMatch(
    /^10\.5\.2\.0\/24 via 10\.5\.2\.0 dev flannel\.1 onlink/,
  );
});

describe("what flannel left", () => {
  const index = (host: Host): unknown =>
    (JSON.parse(host.ip("-j", "link", "show", "flannel.1")) as Json[])[0]?.["ifindex"];

  test("that fits is taken over in place, and its stale peers go", async () => {
    byHand(ours, "02:00:00:00:00:42", [2, 7]);
    const device = index(ours);
    const { reconciler } = ours.reconcile();
    await reconciler.settled();
    // Nothing goes before the leases are known.
    expect(ours.ip("route")).toMatch(/10\.5\.7\.0\/24/);
    reconciler.replaceLeases([makeLease(2), makeLease(3)]);
    await reconciler.settled();
    byHand(theirs, mac(theirs), [2, 3]);
    expect(picture(ours)).toEqual(picture(theirs));
    expect(index(ours)).toBe(device);
    expect(reconciler.state()).toMatchObject({ failed: [], ready: true });
  });

  test("that does not fit is replaced, with all on it", async () => {
    theirs.ip("link", "add", "flannel.1", "type", "bridge");
    ours.ip(
      "link",
      "add",
      "flannel.1",
      "type",
      "vxlan",
      "id",
      "1",
      "dstport",
      "4789",
      "local",
      "192.168.0.1",
      "dev",
      "eth0",
    );
    const device = index(ours);
    for (const host of [ours, theirs]) {
      const { reconciler } = host.reconcile();
      reconciler.replaceLeases([makeLease(2)]);
      await reconciler.settled();
      expect(reconciler.state()).toMatchObject({ failed: [], ready: true, applied: 6 });
    }
    expect(index(ours)).not.toBe(device);
    expect(picture(ours)).toEqual(picture(theirs));
  });

  test("host-gw's routes that fit are taken over, others in their place replaced", async () => {
    ours.ip("route", "add", "10.5.2.0/24", "via", "192.168.0.2");
    ours.ip("route", "add", "10.5.3.0/24", "via", "192.168.0.33");
    const { reconciler } = ours.reconcile({ type: "host-gw" });
    reconciler.replaceLeases([makeLease(2, { type: "host-gw" }), makeLease(3, { type: "host-gw" })]);
    await reconciler.settled();
    expect(ours.ip("-N", "route", "show", "protocol", "76").trim().split(/ *\n/)).toEqual([
      "10.5.2.0/24 via 192.168.0.2 dev eth0",
      "10.5.3.0/24 via 192.168.0.3 dev eth0",
    ]);
  });
});

test("a peer's route that somebody wrote again by hand goes with the peer's lease", async () => {
  const { reconciler } = ours.reconcile();
  reconciler.replaceLeases([makeLease(2)]);
  await reconciler.settled();
  ours.ip("route", "replace", "10.5.2.0/24", "via", "10.5.2.0", "dev", "flannel.1", "onlink");
  reconciler.deleteLease("10.5.2.0-24");
  await reconciler.settled();
  expect(ours.ip("route")).not.toMatch(/10\.5\.2\.0/);
});

test("a connected route in a peer's place is left, and told of with what to do", async () => {
  ours.ip("link", "add", "other", "type", "bridge");
  ours.ip("address", "add", "10.5.2.1/24", "dev", "other");
  ours.ip("link", "set", "other", "up");
  const running = ours.reconcile();
  running.reconciler.replaceLeases([makeLease(2), makeLease(3)]);
  await running.event(({ type }) => type === "failed");
  const { failed, applied } = running.reconciler.state();
  expect(failed).toMatchObject([{ key: "route 10.5.2.0/24", error: { code: "ERR_KERNEL_CONFLICT" } }]);
  expect(applied).toBe(8);
  expect(ours.ip("route")).toMatch(/10\.5\.2\.0\/24 dev other proto kernel/);
});

test("the device of another daemon on this host is left, and told of with what to do", async () => {
  byHand(ours, "02:00:00:00:00:42", []);
  ours.ip("link", "set", "flannel.1", "alias", "loden /other/network");
  const running = ours.reconcile();
  await running.event(({ type }) => type === "failed");
  expect(running.reconciler.state().failed).toMatchObject([
    { key: linkKey("flannel.1"), error: { message: expect.stringContaining("store prefix /other/network") } },
  ]);
  expect(ours.ip("link", "show", "flannel.1")).toMatch(/02:00:00:00:00:42[^]*alias loden \/other\/network/);
});

test("a second device of the same VNI is named in the error, as the kernel names it", async () => {
  ours.ip("link", "add", "taken", "type", "vxlan", "id", "1", "dstport", "8472", "local", "192.168.0.1", "dev", "eth0");
  const running = ours.reconcile();
  await running.event(({ type }) => type === "failed");
  expect(running.reconciler.state().failed.find(({ key }) => key === linkKey("flannel.1"))?.error.message).toMatch(
    /link flannel\.1, wanted by base, cannot be made: interface taken has the VNI 1 already: .*EEXIST .*VXLAN device/,
  );
});
