// The choice of the interface to other hosts: flannel's rules and TestLookupExtIface, without a kernel.
import { Address, type Family } from "#kernel/ip/address";
import { Mac } from "#kernel/ip/mac";
import { Prefix } from "#kernel/ip/prefix";
import { ADDRESS_FLAG, type LinkAddress } from "#kernel/netlink/addr";
import type { Link } from "#kernel/netlink/link";
import type { Route } from "#kernel/netlink/route-types";
import { describe, expect, test } from "vitest";
import { deriveNodeId } from "../../../daemon/node/identity.ts";
import { type HostView, selectInterface, surroundings } from "../../../daemon/node/interface.ts";
import type { InterfaceOptions } from "../../../daemon/options.ts";

function link(index: number, name: string, mtu = 1500): Link {
  return { index, name, type: 1, flags: 1, up: true, mtu, operState: "up" };
}

const PERMANENT = ADDRESS_FLAG.permanent;
const address = (index: number, text: string, flags: number = PERMANENT): LinkAddress => ({
  index,
  address: Prefix.parse(text),
  flags,
});
const route = (destination: string, oif?: number): Route => ({
  destination: Prefix.parse(destination),
  ...(oif === undefined ? {} : { oif }),
});

const HOST: HostView = {
  links: [link(1, "lo", 65_536), link(2, "eth0"), link(3, "eth1", 9000), link(4, "wg0", 0), link(5, "empty0")],
  addresses: [
    address(1, "127.0.0.1/8"),
    address(2, "192.168.0.5/24"),
    address(2, "10.9.9.9/32"),
    address(2, "fe80::5/64"),
    address(2, "2001:db8::5/64"),
    address(3, "172.16.0.5/16"),
    address(3, "fd00:1::5/64"),
    address(4, "10.4.4.4/24"),
  ],
  routes: [route("10.0.0.0/8", 3), route("0.0.0.0/0", 2), route("::/0", 2), route("0.0.0.0/0", 3)],
};

interface Wishes {
  names?: string[];
  patterns?: RegExp[];
  canReach?: string;
  publicIp?: string;
  publicIpv6?: string;
}

function optionsOf({ names = [], patterns = [], canReach, publicIp, publicIpv6 }: Wishes): InterfaceOptions {
  return {
    names,
    patterns,
    ...(canReach === undefined ? {} : { canReach: Address.parse(canReach) }),
    publicAddress: {
      ...(publicIp === undefined ? {} : { 4: Address.parse(publicIp) }),
      ...(publicIpv6 === undefined ? {} : { 6: Address.parse(publicIpv6) }),
    },
  };
}

function select(wishes: Wishes, families: readonly Family[] = [4], host: HostView = HOST): string {
  const { link: chosen, address: own, publicAddress } = selectInterface(optionsOf(wishes), host, families);
  const texts = families.map((family) => {
    const [inner, outer] = [String(own[family]), String(publicAddress[family])];
    return inner === outer ? inner : `${inner} as ${outer}`;
  });
  return [chosen.name, ...texts].join(" ");
}

describe("selectInterface", () => {
  test.each<[string, Wishes, readonly Family[], string]>([
    ["the default route", {}, [4], "eth0 192.168.0.5"],
    ["the default routes", {}, [4, 6], "eth0 192.168.0.5 2001:db8::5"],
    ["the IPv6 default route", {}, [6], "eth0 2001:db8::5"],
    ["by name", { names: ["eth1"] }, [4], "eth1 172.16.0.5"],
    ["by name, dual stack", { names: ["eth1"] }, [4, 6], "eth1 172.16.0.5 fd00:1::5"],
    ["by address", { names: ["10.9.9.9"] }, [4], "eth0 10.9.9.9"],
    ["by address, dual stack", { names: ["172.16.0.5"] }, [4, 6], "eth1 172.16.0.5 fd00:1::5"],
    ["by IPv6 address, dual stack", { names: ["fd00:1::5"] }, [4, 6], "eth1 172.16.0.5 fd00:1::5"],
    [
      "by IPv4 address with a public IPv6 of the same interface",
      { names: ["192.168.0.5"], publicIpv6: "2001:db8::5" },
      [4, 6],
      "eth0 192.168.0.5 2001:db8::5",
    ],
    ["the first that fits", { names: ["eth9", "10.1.1.1", "eth1", "eth0"] }, [4], "eth1 172.16.0.5"],
    ["by regex on addresses before names", { patterns: [/^172|eth0/u] }, [4], "eth1 172.16.0.5"],
    ["by regex on names", { patterns: [/^eth1$/u] }, [4], "eth1 172.16.0.5"],
    ["by regex on any address of an interface", { patterns: [/^10\.9/u] }, [4], "eth0 10.9.9.9"],
    ["by one regex for both families", { patterns: [/^(172|fd00)/u] }, [4, 6], "eth1 172.16.0.5 fd00:1::5"],
    ["names before regexes", { names: ["eth0"], patterns: [/eth1/u] }, [4], "eth0 192.168.0.5"],
    ["regexes in order", { patterns: [/nothing/u, /eth1/u, /eth0/u] }, [4], "eth1 172.16.0.5"],
    ["by the public address", { publicIp: "172.16.0.5" }, [4], "eth1 172.16.0.5"],
    ["by the public IPv6 address", { publicIpv6: "fd00:1::5" }, [6], "eth1 fd00:1::5"],
    [
      "a NAT's address with an interface",
      { names: ["eth0"], publicIp: "203.0.113.7" },
      [4],
      "eth0 192.168.0.5 as 203.0.113.7",
    ],
  ])("%s", (_, wishes, families, expected) => {
    expect(select(wishes, families)).toBe(expected);
  });

  test("by the route to an address, with its source", () => {
    const reach: Route = { ...route("10.1.0.0/16", 3), source: Address.parse("172.16.0.77") };
    expect(select({ canReach: "10.1.2.3" }, [4], { ...HOST, reach })).toBe("eth1 172.16.0.77");
    expect(select({ names: ["eth0"], canReach: "10.1.2.3" }, [4], { ...HOST, reach })).toBe("eth0 192.168.0.5");
  });

  test("addresses: global before link-local, permanent and lasting first, none that is deprecated", () => {
    const addresses = [
      address(2, "fe80::1/64"),
      address(2, "2001:db8::1/64", ADDRESS_FLAG.deprecated | PERMANENT),
      address(2, "2001:db8::2/64", ADDRESS_FLAG.secondary),
      address(2, "2001:db8::3/64", 0),
      address(2, "2001:db8::4/64"),
      address(2, "169.254.1.1/16"),
    ];
    const host = { ...HOST, addresses };
    expect(select({ names: ["eth0"] }, [6], host)).toBe("eth0 2001:db8::4");
    expect(select({ names: ["eth0"] }, [4], host)).toBe("eth0 169.254.1.1");
    expect(select({ names: ["eth0"] }, [6], { ...host, addresses: addresses.slice(0, 4) })).toBe("eth0 2001:db8::3");
    expect(select({ names: ["eth0"] }, [6], { ...host, addresses: addresses.slice(0, 3) })).toBe("eth0 2001:db8::2");
    expect(select({ names: ["eth0"] }, [6], { ...host, addresses: addresses.slice(0, 2) })).toBe("eth0 fe80::1");
  });

  test.each<[Wishes, readonly Family[], HostView, RegExp]>([
    [
      { names: ["eth7"] },
      [4],
      HOST,
      /--iface=eth7: no interface has this name; there are lo, eth0, eth1, wg0, empty0$/,
    ],
    [{ names: ["10.1.1.1"] }, [4], HOST, /--iface=10.1.1.1: no interface has this address/],
    [{ names: ["empty0"] }, [4], HOST, /--iface=empty0: empty0 has no usable IPv4 address/],
    [{ names: ["lo"] }, [4], HOST, /lo has no usable IPv4 address/],
    [{ names: ["wg0"] }, [4], HOST, /wg0 has an MTU of 0/],
    [{ names: ["wg0"] }, [4, 6], HOST, /wg0 has no usable IPv6 address/],
    [{ names: ["fd00:1::5"] }, [4], HOST, /the network has no IPv6/],
    [
      { patterns: [/^(172|2001)/u] },
      [4, 6],
      HOST,
      /--iface-regex=\^\(172\|2001\): it matches neither an address nor a name/,
    ],
    [
      { names: ["a", "b"], patterns: [/c/u] },
      [4],
      HOST,
      /--iface=a: .*; --iface=b: .*; --iface-regex=c: it matches neither/,
    ],
    [
      { canReach: "10.1.2.3" },
      [4],
      { ...HOST, reach: new Error("ENETUNREACH") },
      /--iface-can-reach=10.1.2.3: the kernel has no route to it \(ENETUNREACH\)/,
    ],
    [{ canReach: "10.1.2.3" }, [4], { ...HOST, reach: route("10.0.0.0/8", 3) }, /by eth1 has no source address/],
    [
      { publicIp: "203.0.113.7" },
      [4],
      HOST,
      /--public-ip=203.0.113.7: no interface has the address 203.0.113.7; behind NAT, name the interface too, with --iface/,
    ],
    [
      { names: ["192.168.0.5"], publicIpv6: "fd00:1::5" },
      [4, 6],
      HOST,
      /--public-ipv6=fd00:1::5 is not an address of eth0/,
    ],
    [
      {},
      [4],
      { ...HOST, routes: [] },
      /the default route: there is no IPv4 default route; name an interface with --iface/,
    ],
    [{}, [4, 6], { ...HOST, routes: [route("0.0.0.0/0", 2)] }, /there is no IPv6 default route/],
    [{}, [4], { ...HOST, routes: [route("0.0.0.0/0")] }, /several next hops/],
    [{}, [4, 6], { ...HOST, routes: [route("0.0.0.0/0", 2), route("::/0", 3)] }, /leave by eth0 and eth1/],
  ])("says why nothing fits: %j", (wishes, families, host, expected) => {
    expect(() => select(wishes, families, host)).toThrowError(expected);
    expect(() => select(wishes, families, host)).toThrowError(expect.objectContaining({ code: "ERR_INTERFACE" }));
  });
});

test("surroundings are the on-link prefixes and all addresses", () => {
  const { onLink, hostAddresses } = surroundings(selectInterface(optionsOf({}), HOST, [4]), HOST, []);
  expect(onLink.map(String)).toEqual(["192.168.0.0/24", "2001:db8::/64"]);
  expect(hostAddresses.map(String)).toContain("172.16.0.5");
});

test("a node id follows machine and card, and tells neither", () => {
  const machine = "0123456789abcdef0123456789abcdef";
  const id = deriveNodeId(machine, { name: "eth0", mac: Mac.parse("02:00:00:00:00:01") });
  expect(id).toMatch(/^[\da-f]{32}$/);
  expect(deriveNodeId(machine, { name: "eth7", mac: Mac.parse("02:00:00:00:00:01") })).toBe(id);
  expect(deriveNodeId(machine, { name: "eth0", mac: Mac.parse("02:00:00:00:00:02") })).not.toBe(id);
  expect(deriveNodeId("", { name: "eth0", mac: Mac.parse("02:00:00:00:00:01") })).not.toBe(id);
  expect(deriveNodeId(machine, { name: "tun0" })).not.toBe(deriveNodeId(machine, { name: "tun1" }));
});
