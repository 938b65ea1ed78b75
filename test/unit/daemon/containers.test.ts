// Which containers hold a subnet, by links, addresses and routes.
import { Prefix } from "#kernel/ip/prefix";
import type { Link } from "#kernel/netlink/link";
import { expect, test } from "vitest";
import { attachedContainers } from "../../../daemon/node/containers.ts";
import type { HostView } from "../../../daemon/node/interface.ts";

const SUBNET = { 4: Prefix.parse("10.5.7.0/24") };

function link(index: number, name: string, master?: number): Link {
  const base = { index, name, type: 1, flags: 1, up: true, mtu: 1450, operState: "up" } as const;
  return master === undefined ? base : { ...base, master };
}

const NODE: HostView = {
  links: [link(2, "eth0"), link(3, "flannel.1"), link(4, "cni0")],
  addresses: [
    { index: 2, address: Prefix.parse("192.168.0.1/24") },
    { index: 3, address: Prefix.parse("10.5.7.0/32") },
    { index: 4, address: Prefix.parse("10.5.7.1/24") },
  ],
  routes: [
    { destination: Prefix.parse("10.5.7.0/24"), oif: 4 },
    { destination: Prefix.parse("10.5.9.0/24"), oif: 3 },
  ],
};

test.each<[string, Partial<HostView>, string[]]>([
  ["nobody on a node without containers", {}, []],
  [
    "the ports of the bridge",
    { links: [...NODE.links, link(9, "veth1", 4), link(10, "veth2", 4)] },
    ["veth1", "veth2"],
  ],
  ["not those of another bridge", { links: [...NODE.links, link(8, "docker0"), link(9, "veth1", 8)] }, []],
  [
    "links that a host route leads to, as ptp makes them",
    {
      links: [...NODE.links, link(9, "veth1")],
      routes: [...NODE.routes, { destination: Prefix.parse("10.5.7.9/32"), oif: 9 }],
    },
    ["veth1"],
  ],
  [
    "not those of other subnets",
    {
      links: [...NODE.links, link(9, "veth1")],
      routes: [...NODE.routes, { destination: Prefix.parse("10.6.7.9/32"), oif: 9 }],
    },
    [],
  ],
])("%s", (_, change, expected) => {
  expect(attachedContainers({ ...NODE, ...change }, SUBNET)).toEqual(expected);
});
