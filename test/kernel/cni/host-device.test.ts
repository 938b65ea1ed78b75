// host-device, as a runtime meets it, after the reference plugin's tests; and sysfs, of which tests make their own.
import * as fs from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import type { NetworkConfig } from "../../../cni-plugins/config.ts";
import { Fields, type JsonObject } from "../../../cni-plugins/fields.ts";
import { hostDeviceConfig, type Sysfs } from "../../../cni-plugins/main/host-device/config.ts";
import { findDevice, isUserspaceDriven } from "../../../cni-plugins/main/host-device/find.ts";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { GO_PLUGINS, compiledPlugins, nodePlugins } from "../../support/cni.ts";
import { Host, NO_GO_PLUGINS, fail, hasGoPlugins, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, inSandbox, ip, ipJson } from "../../support/cni-network.ts";

let host: Host;
let serial = 0;
beforeAll(() => {
  host = new Host();
  ip("link", "set", "lo", "up");
});
afterAll(() => host[Symbol.dispose]());

const directory = compiledPlugins();

/** A device to be moved: the one end of a pair. */
function device(): string {
  const name = `dev${++serial}`;
  ip("link", "add", name, "type", "veth", "peer", "name", `${name}p`);
  return name;
}

function network(config: object, ipam?: null, form: string = directory): TestNetwork {
  return new TestNetwork(host, {
    directory: form,
    plugin: "host-device",
    config: { ...config },
    ...(ipam === undefined ? {} : { ipam }),
  });
}

const hostNames = (): string[] => host.links().map(({ name }) => name);

describe("a device", () => {
  test.each(["compiled", "Node"])("on %s, goes into the container and comes back under its name", (form) => {
    const name = device();
    const net = network({ device: name }, undefined, form === "Node" ? nodePlugins() : directory);
    using sandbox = host.sandbox();
    succeed(net.call("STATUS"));
    const prevResult = succeed(net.call("ADD", sandbox));
    expect(prevResult?.["interfaces"]).toMatchObject([{ name: "eth0", sandbox: sandbox.path }]);
    expect(hostNames()).not.toContain(name);
    const [link] = ipJson(sandbox, "addr", "show", "eth0");
    expect(link).toMatchObject({ ifalias: name, flags: expect.arrayContaining(["UP"]) as string[] });
    expect(link?.["addr_info"]).toContainEqual(expect.objectContaining({ local: `${net.subnet}.2` }));
    succeed(net.callWith({ prevResult }, "CHECK", sandbox));
    expect(fail(net.call("STATUS"))).toMatchObject({ code: 50, msg: expect.stringContaining(name) as string });
    succeed(net.call("DEL", sandbox));
    const [back] = ipJson(undefined, "addr", "show", name);
    expect(back).toMatchObject({ ifname: name, addr_info: [] });
    expect(back?.["flags"]).not.toContain("UP");
    expect(back).not.toHaveProperty("ifalias");
    expect(back).not.toHaveProperty("altnames");
    succeed(net.call("DEL", sandbox));
    succeed(net.call("DEL"));
    succeed(net.call("DEL", undefined, { netns: "/nonexistent" }));
    expect(net.reservations()).toEqual([]);
    expect(fail(net.callWith({ prevResult }, "CHECK", sandbox)).msg).toContain("Failed to find address");
  });

  test("DEL without the namespace frees the address", () => {
    const net = network({ device: device() });
    {
      using sandbox = host.sandbox();
      succeed(net.call("ADD", sandbox));
    }
    succeed(net.call("DEL"));
    expect(net.reservations()).toEqual([]);
  });

  test("without IPAM it is moved and up; names that either side has are no obstacle", async () => {
    const name = device();
    const net = network({ device: name }, null);
    ip("link", "add", "eth0", "type", "bridge");
    using sandbox = host.sandbox();
    inSandbox(sandbox, () => ip("link", "add", name, "type", "bridge"));
    const result = succeed(net.call("ADD", sandbox));
    expect(result).toEqual({ cniVersion: "1.1.0", interfaces: [expect.objectContaining({ name: "eth0" })] });
    // Its name is taken on the host by the time it comes back: it comes back all the same.
    ip("link", "add", name, "type", "bridge");
    succeed(net.call("DEL", sandbox));
    expect(
      host
        .linksIn(sandbox)
        .map(({ name: left }) => left)
        .toSorted(),
    ).toEqual([name, "lo"].toSorted());
    // A namespace that was closed before takes its half of a pair along in its own time.
    await expect.poll(() => host.links().filter(({ kind }) => kind?.kind === "veth").length % 2).toBe(0);
    ip("link", "del", name);
    ip("link", "del", "eth0");
  });

  test("a failing ADD brings it back", () => {
    const name = device();
    using sandbox = host.sandbox();
    const bad = network({
      device: name,
      ipam: {
        type: "static",
        addresses: [{ address: "10.9.0.2/24" }],
        routes: [{ dst: "1.0.0.0/8", gw: "203.0.113.1" }],
      },
    });
    expect(fail(bad.call("ADD", sandbox)).msg).toContain("add route");
    expect(hostNames()).toContain(name);
    expect(ipJson(undefined, "link", "show", name)[0]).not.toHaveProperty("altnames");
    inSandbox(sandbox, () => ip("link", "add", "eth0", "type", "bridge"));
    const net = network({ device: name });
    expect(fail(net.call("ADD", sandbox)).msg).toContain("already exists");
    succeed(net.call("DEL", sandbox));
    expect(hostNames()).toContain(name);
    expect(host.linksIn(sandbox).map(({ name: left }) => left)).toContain("eth0");
    expect(fail(network({ device: "nothing" }).call("ADD", sandbox)).msg).toContain(
      'failed to find host device: device "nothing"',
    );
  });

  test("is found by its MAC", () => {
    const name = device();
    ip("link", "set", name, "address", "02:00:00:00:cc:01");
    const net = network({ hwaddr: "02:00:00:00:CC:01" }, null);
    using sandbox = host.sandbox();
    succeed(net.call("ADD", sandbox));
    expect(ipJson(sandbox, "link", "show", "eth0")[0]).toMatchObject({ ifalias: name });
    succeed(net.call("DEL", sandbox));
    expect(hostNames()).toContain(name);
  });

  test("GC brings back what is of no valid attachment, and leaves other networks'", () => {
    const [first, second, third] = [device(), device(), device()];
    const net = network({ device: first });
    const other = network({ device: third });
    using one = host.namedSandbox();
    using two = host.namedSandbox();
    succeed(net.call("ADD", one));
    succeed(net.call("ADD", two, { containerId: "c2", config: { ...net.document, device: second } }));
    succeed(other.call("ADD", one, { ifname: "net1" }));
    succeed(net.callWith({ "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] }, "GC"));
    expect(hostNames()).toContain(first);
    expect(hostNames()).not.toContain(second);
    expect(hostNames()).not.toContain(third);
    expect(net.reservations()).toHaveLength(2);
    succeed(net.callWith({ "cni.dev/valid-attachments": [] }, "GC"));
    expect(hostNames()).toContain(second);
    succeed(other.call("DEL", one, { ifname: "net1" }));
    expect(hostNames()).toContain(third);
  });

  test.skipIf(!hasGoPlugins)(
    `either plugin brings back what the other moved ${hasGoPlugins ? "" : NO_GO_PLUGINS}`,
    () => {
      for (const [adder, remover] of [
        [GO_PLUGINS, directory],
        [directory, GO_PLUGINS],
      ] as const) {
        const name = device();
        const net = new TestNetwork(host, {
          directory,
          plugin: "host-device",
          version: "1.0.0",
          config: { device: name },
          ipam: null,
        });
        using sandbox = host.sandbox();
        succeed(net.call("ADD", sandbox, { directory: adder }));
        expect(hostNames()).not.toContain(name);
        succeed(net.call("DEL", sandbox, { directory: remover }));
        expect(hostNames()).toContain(name);
      }
    },
  );
});

describe("naming the device by sysfs", () => {
  function sysfs(): Sysfs {
    const root = fs.mkdtempSync(path.join(host.work, "sysfs-"));
    for (const part of ["pci", "auxiliary", "devices"]) fs.mkdirSync(path.join(root, part));
    return { pci: path.join(root, "pci"), auxiliary: path.join(root, "auxiliary"), devices: `${root}/devices/` };
  }

  function read(document: JsonObject, tree: Sysfs) {
    const config: NetworkConfig = { name: "n", cniVersion: "1.0.0", fields: new Fields(document), document };
    return hostDeviceConfig(config, sys, tree).device;
  }

  function found(document: JsonObject, tree: Sysfs): string {
    using socket = NetlinkSocket.open(sys);
    return findDevice(socket, read(document, tree)).name;
  }

  test("kernelpath, PCI, virtio and auxiliary devices; deviceID wins over all", () => {
    const tree = sysfs();
    const [byPath, byPci, byVirtio, byAux] = [device(), device(), device(), device()];
    fs.mkdirSync(`${tree.devices}a/b/net/${byPath}`, { recursive: true });
    fs.mkdirSync(`${tree.pci}/0000:00:1f.6/net/${byPci}`, { recursive: true });
    fs.mkdirSync(`${tree.pci}/0000:00:05.0/virtio2/net/${byVirtio}`, { recursive: true });
    fs.mkdirSync(`${tree.auxiliary}/mlx5_core.sf.4/net/${byAux}`, { recursive: true });
    expect(found({ kernelpath: `${tree.devices}a/b` }, tree)).toBe(byPath);
    expect(found({ pciBusID: "0000:00:1f.6" }, tree)).toBe(byPci);
    expect(found({ pciBusID: "0000:00:05.0" }, tree)).toBe(byVirtio);
    expect(found({ runtimeConfig: { deviceID: "mlx5_core.sf.4" }, device: byPath }, tree)).toBe(byAux);
    expect(found({ runtimeConfig: { deviceID: "0000:00:1f.6" } }, tree)).toBe(byPci);
    expect(found({ device: byVirtio, hwaddr: "02:00:00:00:00:01", pciBusID: "0000:00:1f.6" }, tree)).toBe(byVirtio);
  });

  test("a driver for DPDK is seen, and no other", () => {
    const tree = sysfs();
    for (const driver of ["vfio-pci", "uio_pci_generic", "igb_uio", "ixgbe"]) {
      const at = `${tree.pci}/${driver}`;
      fs.mkdirSync(at);
      fs.symlinkSync(`../../bus/pci/drivers/${driver}`, `${at}/driver`);
      expect(isUserspaceDriven(sys, read({ pciBusID: driver }, tree))).toBe(driver !== "ixgbe");
    }
  });

  test.each([
    [{}, 'specify either "device", "hwaddr", "kernelpath" or "pciBusID"'],
    [{ kernelpath: "/sys/class/net/x" }, "must be absolute and begin with"],
    [{ kernelpath: "/sys/devices/../../etc" }, "must be absolute and begin with"],
    [{ pciBusID: "../../x" }, "pciBusID"],
    [{ runtimeConfig: { deviceID: "0000:00:00.0" } }, "is neither a PCI nor an auxiliary device"],
  ])("refuses %j", (document, text) => {
    expect(() => read(document, sysfs())).toThrow(text);
  });
});
