// The VXLAN device as the kernel has it: every option as `ip -d -j link` tells it, which devices are adopted and which
// replaced, and what stands in the way of one, by name.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sys } from "#sys";
import type { Family } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import type { Node } from "../../../daemon/lease/types.ts";
import { makeFabric, type FabricShape } from "../../support/fabric.ts";
import { makeHost, type Host } from "../../support/hosts.ts";

const AF_INET = 2;
const SOCK_DGRAM = 2;

let host: Host;

beforeEach(() => {
  host = makeHost(1);
});
afterEach(() => host[Symbol.dispose]());

interface Shown {
  readonly ifindex: number;
  readonly mtu: number;
  readonly address: string;
  readonly linkinfo: { readonly info_data: Readonly<Record<string, unknown>> };
}

function shown(name: string): Shown {
  const [link] = JSON.parse(host.ip("-d", "-j", "link", "show", name)) as Shown[];
  return link!;
}

/** Brings the device about; what of it the kernel refused. */
async function make(shape: FabricShape = {}, node: Node = host.node): Promise<string[]> {
  const { reconciler } = host.reconcile(shape);
  reconciler.configure(makeFabric(shape, node));
  reconciler.replaceLeases([]);
  await reconciler.settled();
  return reconciler.state().failed.map(({ error }) => error.message);
}

describe("options", () => {
  test("none: flannel's device", async () => {
    expect(await make()).toEqual([]);
    const { mtu, linkinfo } = shown("flannel.1");
    expect(mtu).toBe(1450);
    expect(linkinfo.info_data).toMatchObject({
      id: 1,
      local: "192.168.0.1",
      link: "eth0",
      port: 8472,
      learning: false,
      ttl: 0,
      udp_csum: true,
    });
    expect(linkinfo.info_data).not.toHaveProperty("gbp");
  });

  test.each<[Record<string, unknown>, string, object]>([
    [{ VNI: 77 }, "flannel.77", { id: 77 }],
    [{ VNI: 16_777_215 }, "fl.16777215", { id: 16_777_215 }],
    [{ VNI: 0 }, "flannel.0", { id: 0 }],
    [{ Port: 4789 }, "flannel.1", { port: 4789 }],
    [{ GBP: true }, "flannel.1", { gbp: true }],
    [{ Learning: true }, "flannel.1", { learning: true }],
  ])("%j: %s is %j", async (options, name, expected) => {
    expect(await make({ options })).toEqual([]);
    expect(shown(name).linkinfo.info_data).toMatchObject(expected);
  });

  test("MTU: less the encapsulation, for each family its own", async () => {
    expect(await make({ families: [4, 6], options: { MTU: 1400 } })).toEqual([]);
    expect([shown("flannel.1").mtu, shown("flannel-v6.1").mtu]).toEqual([1350, 1330]);
  });

  test("MacPrefix: the first two octets", async () => {
    expect(await make({ options: { MacPrefix: "0E-2A" } })).toEqual([]);
    expect(shown("flannel.1").address).toMatch(/^0e:2a:/);
  });

  test("IPv6 alone: one device, over IPv6", async () => {
    expect(await make({ families: [6] })).toEqual([]);
    const { mtu, linkinfo } = shown("flannel-v6.1");
    expect(mtu).toBe(1430);
    expect(linkinfo.info_data).toMatchObject({ id: 1, local6: "fd99::1", link: "eth0", port: 8472 });
    expect(() => shown("flannel.1")).toThrow("does not exist");
  });
});

/** Makes flannel.1 by hand, as flannel does but for what is given. */
function byHand(extra: readonly string[] = [], type = "vxlan"): Shown {
  const usual = [["id", "1"], ["local", "192.168.0.1"], ["dev", "eth0"], ["dstport", "8472"], ["nolearning"]];
  const isGiven = ([name = ""]: readonly string[]): boolean => extra.includes(name.replace(/^no/, ""));
  const specific = type === "vxlan" ? [...usual.filter((option) => !isGiven(option)).flat(), ...extra] : extra;
  host.ip("link", "add", "flannel.1", "mtu", "1450", "type", type, ...specific);
  return shown("flannel.1");
}

describe("a device that is there", () => {
  test.each<[string, readonly string[]]>([
    ["as flannel makes it", []],
    ["with learning", ["learning"]],
    ["from another local address", ["local", "192.168.0.9"]],
    ["without checksums", ["noudpcsum"]],
    ["with its own source ports", ["srcport", "40000", "50000"]],
  ])("%s is adopted, and what differs is changed in place", async (_, extra) => {
    const before = byHand(extra);
    expect(await make()).toEqual([]);
    const after = shown("flannel.1");
    expect(after.ifindex).toBe(before.ifindex);
    expect(after.linkinfo.info_data).toMatchObject({ local: "192.168.0.1", learning: false });
  });

  test.each<[string, readonly string[]]>([
    ["another VNI", ["id", "2"]],
    ["another port", ["dstport", "4789"]],
    ["GBP", ["gbp"]],
    ["GPE", ["external", "gpe"]],
    ["metadata from routes", ["external"]],
    ["a group", ["group", "239.1.1.1"]],
    ["a default remote", ["remote", "192.168.0.7"]],
    ["a proxy for neighbours", ["proxy"]],
    ["misses told to user space", ["l2miss", "l3miss"]],
    ["a limit of entries", ["maxaddress", "10"]],
    ["a hop limit", ["ttl", "1"]],
    ["don't fragment", ["df", "set"]],
    ["the other family", ["local", "fd99::1"]],
  ])("with %s is replaced", async (_, extra) => {
    const isExternal = extra[0] === "external";
    if (isExternal) host.ip("link", "add", "flannel.1", "mtu", "1450", "type", "vxlan", "dstport", "8472", ...extra);
    else byHand(extra);
    const before = shown("flannel.1");
    expect(await make()).toEqual([]);
    const after = shown("flannel.1");
    expect(after.ifindex).not.toBe(before.ifindex);
    expect(after.linkinfo.info_data).toMatchObject({ id: 1, local: "192.168.0.1", port: 8472 });
    expect(after.linkinfo.info_data).not.toHaveProperty("group");
  });

  test("of another kind is replaced", async () => {
    const before = byHand([], "bridge");
    expect(await make()).toEqual([]);
    expect(shown("flannel.1").ifindex).not.toBe(before.ifindex);
  });

  test("keeps the MAC that peers know, and gets it back when somebody alters it", async () => {
    const { address } = byHand();
    const node = { ...host.node, macs: new Map([["flannel.1", Mac.parse(address)]]) };
    const running = host.reconcile();
    const { reconciler } = running;
    reconciler.configure(makeFabric({}, node));
    reconciler.replaceLeases([]);
    await reconciler.settled();
    expect(shown("flannel.1").address).toBe(address);
    const repaired = running.event(({ type }) => type === "drift");
    host.ip("link", "set", "flannel.1", "address", "02:00:00:00:00:99");
    await repaired;
    expect(shown("flannel.1").address).toBe(address);
  });
});

describe("what stands in the way is named", () => {
  const locals: Readonly<Record<Family, string>> = { 4: "192.168.0.1", 6: "fd99::1" };

  test.each([4, 6] as const)("another device with the VNI, IPv%i", async (family) => {
    host.ip("link", "add", "rival", "type", "vxlan", "id", "1", "local", locals[family], "dstport", "8472");
    expect(await make({ families: [family] })).toContainEqual(
      expect.stringContaining(
        "interface rival has the VNI 1 already: delete it, or give the network another Backend.VNI",
      ),
    );
  });

  test("another device on the port that reads packets in another way", async () => {
    host.ip("link", "add", "rival", "type", "vxlan", "id", "9", "local", "192.168.0.1", "dstport", "8472", "gbp");
    host.ip("link", "set", "rival", "up");
    expect(await make()).toContainEqual(
      expect.stringContaining(
        "UDP port 8472 is taken by interface rival, whose settings (gbp) are not those of flannel.1 (plain)",
      ),
    );
  });

  test("a program on the port; the device comes up when it has gone", async () => {
    const fd = host.netns.run(() => sys.socket(AF_INET, SOCK_DGRAM, 0));
    sys.bind(fd, Uint8Array.of(AF_INET, 0, 8472 >> 8, 8472 & 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
    const running = host.reconcile();
    const { reconciler } = running;
    reconciler.replaceLeases([]);
    await reconciler.settled();
    expect(reconciler.state().failed.map(({ error }) => error.message)).toContainEqual(
      expect.stringMatching(/UDP port 8472 is taken by another program, which "ss -lunp sport = :8472" names/),
    );
    expect(reconciler.state().ready).toBe(false);
    const recovered = running.event(({ type }) => type === "recovered");
    sys.close(fd);
    await recovered;
    await reconciler.settled();
    expect(reconciler.state()).toMatchObject({ ready: true, failed: [] });
  });
});
