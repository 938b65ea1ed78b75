// Which network configurations a running node can take up.
import { Prefix } from "#kernel/ip/prefix";
import { expect, test } from "vitest";
import { parseSubnetKey } from "../../../daemon/lease/keys.ts";
import { parseNetwork } from "../../../daemon/lease/network.ts";
import type { Lease } from "../../../daemon/lease/types.ts";
import { refusal } from "../../../daemon/life/config-change.ts";

const VXLAN = { Type: "vxlan" };
const V4 = { Network: "10.5.0.0/16", Backend: VXLAN };
const DUAL = { ...V4, EnableIPv6: true, IPv6Network: "fd00:5::/48" };
const own = { 4: Prefix.parse("10.5.7.0/24") };
const ownDual = { ...own, 6: Prefix.parse("fd00:5:0:7::/64") };

const COMMANDS = { ...V4, Backend: { Type: "extension", SubnetAddCommand: "ip route add $SUBNET via $PUBLIC_IP" } };

const network = (document: object) => parseNetwork(JSON.stringify(document));

function peer(key: string): Lease {
  return { key, subnet: parseSubnetKey(key)!, publicAddress: {}, backendType: "vxlan", backendData: {} };
}

const PEERS = ["10.5.9.0-24", "10.5.200.0-24"].map(peer);

test.each<[string, object, object?]>([
  ["the same", V4],
  ["other bounds, which leave leases outside", { ...V4, SubnetMin: "10.5.100.0", SubnetMax: "10.5.110.0" }],
  ["another length of subnets", { ...V4, SubnetLen: 26 }],
  ["a wider network", { ...V4, Network: "10.4.0.0/15" }],
  ["another backend", { ...V4, Backend: { Type: "host-gw" } }],
  ["other bounds beside commands", { ...COMMANDS, SubnetMin: "10.5.100.0" }, COMMANDS],
])("%s is taken up", (_, next, current = V4) => {
  expect(refusal(network(current), network(next), own, PEERS)).toBeUndefined();
});

test.each<[string, object, object, RegExp]>([
  [
    "a network without this node's subnet",
    V4,
    { ...V4, Network: "10.5.128.0/17" },
    /this node's subnet 10\.5\.7\.0\/24/,
  ],
  ["one without a peer's", V4, { ...V4, Network: "10.5.0.0/17" }, /excludes live leases: 10\.5\.200\.0-24;/],
  ["the end of a family", DUAL, V4, /ends IPv6/],
  ["the beginning of one", V4, DUAL, /begins IPv6/],
  ["another IPv6 network", DUAL, { ...DUAL, IPv6Network: "fd00:6::/48" }, /IPv6Network fd00:6::\/48/],
  ["an extension backend", V4, { ...V4, Backend: { Type: "extension" } }, /at the start only/],
  ["the end of one", COMMANDS, V4, /at the start only/],
  [
    "another command",
    COMMANDS,
    { ...V4, Backend: { ...COMMANDS.Backend, SubnetAddCommand: "reboot" } },
    /at the start only/,
  ],
  [
    "a wider network, which commands are told of",
    COMMANDS,
    { ...COMMANDS, Network: "10.4.0.0/15" },
    /at the start only/,
  ],
])("%s is refused, with the reason and what to do", (_, current, next, expected) => {
  const error = refusal(network(current), network(next), current === DUAL ? ownDual : own, PEERS);
  expect(error).toMatchObject({ code: "ERR_CONFIG", message: expect.stringMatching(expected) as string });
  expect(error?.message).toContain("this node goes on with the one it has");
});

test("of many leases in the way five are named", () => {
  const peers = Array.from({ length: 8 }, (_, n) => peer(`10.5.${200 + n}.0-24`));
  const error = refusal(network(V4), network({ ...V4, Network: "10.5.0.0/17" }), own, peers);
  expect(error?.message).toMatch(/10\.5\.200\.0-24(, 10\.5\.20\d\.0-24){4} and 3 more;/);
});

test("a lease outside the network as it was is in nobody's way", () => {
  const stray = peer("10.9.0.0-24");
  expect(refusal(network(V4), network({ ...V4, Network: "10.4.0.0/15" }), own, [stray])).toBeUndefined();
});
