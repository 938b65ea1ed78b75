// host-local, as a runtime and as Debian's Go plugin meet it: files on disk, both plugins in one directory, what a crash
// or a reboot leaves behind, garbage collection, STATUS.
import * as fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GO_PLUGINS, type Invocation } from "../../support/cni.ts";
import { FORMS, Host, NO_GO_PLUGINS, addressesOf, fail, hasGoPlugins, succeed } from "../../support/cni-rig.ts";

let host: Host;
beforeAll(() => {
  host = new Host();
});
afterAll(() => host[Symbol.dispose]());

let serial = 0;

function pool(directory: string, ipam: object = {}, more: object = {}) {
  const dataDir = path.join(host.work, `pool${++serial}`);
  const document = {
    cniVersion: "1.1.0",
    name: "net",
    type: "bridge",
    ipam: { type: "host-local", dataDir, ranges: [[{ subnet: "10.20.0.0/24" }]], ...ipam },
    ...more,
  };
  const call = (command: string, containerId: string, other: Partial<Invocation> = {}): Invocation => ({
    command,
    directory,
    plugin: "host-local",
    config: document,
    containerId,
    // Nothing of a namespace is looked at.
    netns: "/dev/null",
    ...other,
  });
  const add = (containerId: string, other: Partial<Invocation> = {}): string =>
    addressesOf(succeed(call("ADD", containerId, other)))
      .map(({ address }) => address)
      .join(" ");
  const file = (name: string): string => path.join(dataDir, "net", name);
  const index = (name: string): string => path.join(dataDir, ".loden/net", name);
  const reservations = (): string[] =>
    fs
      .readdirSync(path.join(dataDir, "net"))
      .filter((name) => /^[\da-f.:]+$/.test(name))
      .toSorted();
  return { document, call, add, file, index, reservations, dataDir };
}

/** Makes the index believe that it was last used before a reboot. */
function reboot(index: string, machine?: string): void {
  const old = "00000000-0000-0000-0000-000000000000";
  for (const name of fs.readdirSync(index)) {
    const entry = path.join(index, name);
    const { mtime } = fs.statSync(index);
    const [first, ...rest] = fs.readlinkSync(entry).split(" ");
    const target =
      name === ".boot"
        ? `${machine ?? first ?? ""} ${old}`
        : [first, ...rest].join(" ").replaceAll(/[\da-f-]{36}/g, old);
    fs.rmSync(entry);
    fs.symlinkSync(target, entry);
    fs.utimesSync(index, mtime, mtime);
  }
}

describe.each(FORMS)("on $form", ({ directory: directoryOf }) => {
  const directory = directoryOf();

  test("files are the reference plugin's to the byte", () => {
    const { add, file, call, reservations } = pool(directory, {
      ranges: [[{ subnet: "10.20.0.0/24" }], [{ subnet: "fd20::/64" }]],
    });
    expect(add("c1")).toBe("10.20.0.2/24 fd20::2/64");
    for (const name of ["10.20.0.2", "fd20::2"]) {
      expect(fs.readFileSync(file(name), "utf8")).toBe("c1\r\neth0");
      expect(fs.statSync(file(name))).toMatchObject({ mode: 0o100600, nlink: 1 });
    }
    expect(fs.readFileSync(file("last_reserved_ip.0"), "utf8")).toBe("10.20.0.2");
    expect(fs.readFileSync(file("last_reserved_ip.1"), "utf8")).toBe("fd20::2");
    expect(fs.statSync(file(".")).mode & 0o777).toBe(0o755);
    expect(add("c2")).toBe("10.20.0.3/24 fd20::3/64");
    succeed(call("CHECK", "c1"));
    succeed(call("DEL", "c1"));
    expect(fail(call("CHECK", "c1")).msg).toContain("Failed to find address added by container c1");
    expect(reservations()).toEqual(["10.20.0.3", "fd20::3"]);
    // Round robin: what was just released is not given out next.
    expect(add("c3")).toBe("10.20.0.4/24 fd20::4/64");
  });

  test("gives out a pool to the last address, skips the gateway, and starts again from the front", () => {
    const { add, call } = pool(directory, { ranges: [[{ subnet: "10.20.0.0/29", gateway: "10.20.0.3" }]] });
    const all = ["a", "b", "c", "d", "e"].map((id) => add(id));
    expect(all).toEqual(["1", "2", "4", "5", "6"].map((last) => `10.20.0.${last}/29`));
    const error = fail(call("ADD", "f"));
    expect(error.msg).toBe(
      "failed to allocate for range 0: no IP addresses available in range set: 10.20.0.1-10.20.0.6",
    );
    expect(fail(call("STATUS", "f"))).toMatchObject({ code: 50, cniVersion: "1.1.0" });
    succeed(call("DEL", "b"));
    succeed(call("STATUS", "f"));
    expect(add("f")).toBe("10.20.0.2/29");
  });

  test("requested addresses, from three places", () => {
    const { add, call, document } = pool(directory);
    expect(add("a", { args: "IP=10.20.0.50" })).toBe("10.20.0.50/24");
    expect(add("b", { config: { ...document, args: { cni: { ips: ["10.20.0.51/24"] } } } })).toBe("10.20.0.51/24");
    expect(add("c", { config: { ...document, runtimeConfig: { IPs: ["10.20.0.52"] } } })).toBe("10.20.0.52/24");
    const why = (args: string): string => fail(call("ADD", "d", { args })).msg;
    expect(why("IP=10.20.0.50")).toContain("requested IP address 10.20.0.50 is not available in range set");
    expect(why("IP=10.20.0.1")).toContain("requested ip 10.20.0.1 is subnet's gateway");
    expect(why("IP=10.99.0.1")).toBe("failed to allocate all requested IPs: 10.99.0.1");
    expect(why("IP=10.20.0.60;FOO=bar")).toBe('ARGS: unknown args ["FOO=bar"]');
    expect(add("d", { args: "IgnoreUnknown=1;FOO=bar;IP=10.20.0.60" })).toBe("10.20.0.60/24");
    expect(add("e", { args: "MAC=02:00:00:00:00:01;K8S_POD_NAME=x" })).toBe("10.20.0.61/24");
  });

  test("a container gets one address of a range set", () => {
    const { add, call, reservations } = pool(directory);
    add("a");
    expect(fail(call("ADD", "a")).msg).toContain(
      "10.20.0.2 has been allocated to a, duplicate allocation is not allowed",
    );
    expect(add("a", { ifname: "eth1" })).toBe("10.20.0.3/24");
    expect(reservations()).toEqual(["10.20.0.2", "10.20.0.3"]);
    succeed(call("DEL", "a"));
    expect(reservations()).toEqual(["10.20.0.3"]);
  });

  test("an error in one range set frees what the others gave", () => {
    const { call, reservations } = pool(directory, {
      ranges: [
        [{ subnet: "10.20.0.0/24" }],
        [{ subnet: "10.21.0.0/30", rangeStart: "10.21.0.1", rangeEnd: "10.21.0.1" }],
      ],
    });
    expect(fail(call("ADD", "a")).msg).toContain("failed to allocate for range 1");
    expect(reservations()).toEqual([]);
  });

  test("files that a crash left empty or torn are freed; what people wrote is kept", () => {
    const { add, file, reservations } = pool(directory, { ranges: [[{ subnet: "10.20.0.0/29" }]] });
    fs.mkdirSync(file("."), { recursive: true });
    for (const [name, content] of Object.entries({ 2: "", 3: "\0\0\0\0", 4: "reserved by hand\n", 5: "old" })) {
      fs.writeFileSync(file(`10.20.0.${name}`), content);
    }
    expect(add("a")).toBe("10.20.0.2/29");
    expect(add("b")).toBe("10.20.0.3/29");
    expect(add("c")).toBe("10.20.0.6/29");
    fs.writeFileSync(file("10.20.0.6"), "");
    expect(add("d")).toBe("10.20.0.6/29");
    expect(reservations()).toEqual(["2", "3", "4", "5", "6"].map((last) => `10.20.0.${last}`));
  });

  test("a very old plugin's files, with the container's id alone, are found", () => {
    const { call, file, reservations } = pool(directory);
    fs.mkdirSync(file("."), { recursive: true });
    fs.writeFileSync(file("10.20.0.9"), "a\n");
    succeed(call("CHECK", "a"));
    expect(fail(call("ADD", "a")).msg).toContain("duplicate allocation");
    succeed(call("DEL", "a"));
    expect(reservations()).toEqual([]);
  });

  test("DEL needs no valid ranges, no directory and no index", () => {
    const { add, call, document, reservations, dataDir } = pool(directory);
    succeed(call("DEL", "never"));
    expect(fs.existsSync(dataDir)).toBe(false);
    add("a");
    const config = { ...document, ipam: { ...document.ipam, ranges: [[{ subnet: "nonsense" }]] } };
    fs.rmSync(path.join(dataDir, ".loden"), { recursive: true });
    succeed(call("DEL", "a", { config, netns: "", args: "nonsense" }));
    expect(reservations()).toEqual([]);
  });

  test("what a reboot left behind is reclaimed, unless that is switched off or the directory is shared", () => {
    const one = { ranges: [[{ subnet: "10.20.0.0/30" }]] };
    const ours = pool(directory, one);
    ours.add("before");
    expect(fail(ours.call("ADD", "after")).msg).toContain("no IP addresses available");
    reboot(ours.index("."));
    expect(ours.add("after")).toBe("10.20.0.2/30");
    expect(fs.readFileSync(ours.file("10.20.0.2"), "utf8")).toBe("after\r\neth0");

    const off = pool(directory, { ...one, reclaimOnReboot: false });
    off.add("before");
    reboot(off.index("."));
    expect(fail(off.call("ADD", "after")).msg).toContain("no IP addresses available");

    const shared = pool(directory, one);
    shared.add("before");
    reboot(shared.index("."), "another-machine");
    expect(fail(shared.call("ADD", "after")).msg).toContain("no IP addresses available");
  });

  test("GC keeps the valid, frees the rest, and does nothing unasked", () => {
    const { add, call, document, file, reservations } = pool(directory);
    const gc = (more: object): void => void succeed(call("GC", "", { config: { ...document, ...more } }));
    for (const id of ["a", "b", "c"]) add(id);
    fs.writeFileSync(file("10.20.0.100"), "b");
    fs.writeFileSync(file("10.20.0.101"), "z");
    gc({});
    expect(reservations()).toHaveLength(5);
    gc({ "cni.dev/valid-attachments": [{ containerID: "b", ifname: "eth0" }] });
    expect(reservations()).toEqual(["10.20.0.100", "10.20.0.3"]);
    expect(fs.existsSync(file("lock"))).toBe(true);
    expect(fs.existsSync(file("last_reserved_ip.0"))).toBe(true);
    gc({ "cni.dev/valid-attachments": null });
    expect(reservations()).toEqual([]);
  });

  test("GC clears away what a killed plugin was writing", () => {
    const { add, call, document, index, reservations } = pool(directory);
    add("a");
    const drafts = [".new", ".boot.new"].map(index);
    for (const draft of drafts) fs.writeFileSync(draft, "a\r\neth0");
    const valid = { "cni.dev/valid-attachments": [{ containerID: "a", ifname: "eth0" }] };
    succeed(call("GC", "", { config: { ...document, ...valid } }));
    expect(drafts.filter((draft) => fs.existsSync(draft))).toEqual([]);
    expect(fs.readdirSync(index("."))).toContain(".boot");
    expect(reservations()).toEqual(["10.20.0.2"]);
    succeed(call("DEL", "a"));
  });

  test("routes and resolv.conf become part of the result", () => {
    const resolvConf = path.join(host.work, "resolv.conf");
    fs.writeFileSync(resolvConf, "# a comment\nnameserver 10.0.0.10\nsearch a.example b.example\noptions ndots:5\n");
    const { call } = pool(directory, { resolvConf, routes: [{ DST: "10.0.0.0/8", gw: "10.20.0.9" }, { dst: "::/0" }] });
    expect(succeed(call("ADD", "a"))).toMatchObject({
      routes: [{ dst: "10.0.0.0/8", gw: "10.20.0.9" }, { dst: "::/0" }],
      dns: { nameservers: ["10.0.0.10"], search: ["a.example", "b.example"], options: ["ndots:5"] },
    });
  });
});

describe.skipIf(!hasGoPlugins)(`beside the Go plugin${hasGoPlugins ? "" : ` (${NO_GO_PLUGINS})`}`, () => {
  const directory = FORMS[0].directory();
  const go = { directory: GO_PLUGINS };

  test("each sees what the other reserved and frees it", () => {
    const { add, call, document, reservations } = pool(directory, {}, { cniVersion: "1.0.0" });
    const ids = Array.from({ length: 12 }, (_, number) => `c${number}`);
    const addresses = ids.map((id, number) => add(id, number % 2 === 0 ? {} : go));
    expect(new Set(addresses).size).toBe(ids.length);
    expect(fail(call("ADD", "c1")).msg).toContain("duplicate allocation");
    expect(fail(call("ADD", "c0", go)).msg).toContain("duplicate allocation");
    for (const [number, id] of ids.entries()) {
      const other = number % 2 === 0 ? go : {};
      succeed(call("CHECK", id, { ...other, config: { ...document, prevResult: { cniVersion: "1.0.0" } } }));
      succeed(call("DEL", id, other));
    }
    expect(reservations()).toEqual([]);
  });

  test("a reservation the Go plugin made for the same container after a reboot is not reclaimed", () => {
    const { add, call, index, reservations } = pool(directory, {}, { cniVersion: "1.0.0" });
    add("a");
    reboot(index("."));
    succeed(call("DEL", "a", go));
    expect(add("a", { ...go, args: "IP=10.20.0.2" })).toBe("10.20.0.2/24");
    add("b");
    expect(reservations()).toEqual(["10.20.0.2", "10.20.0.3"]);
  });
});
