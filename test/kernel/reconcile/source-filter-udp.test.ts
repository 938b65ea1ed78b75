// The source filter for a port that carries bare IP packets (the udp backend's 8285): all that comes to the port is judged.
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sys } from "#sys";
import { Address } from "#kernel/ip/address";
import { openNftQueries, queryCounter } from "#kernel/nft/query";
import { NetlinkKernel } from "../../../daemon/reconcile/kernel/netlink.ts";
import { DesiredState } from "../../../daemon/reconcile/desired.ts";
import { BASE } from "../../../daemon/reconcile/objects.ts";
import { DROP_COUNTER, peerSources, sourceFilter } from "../../../daemon/traffic/source-filter.ts";
import { makeLease, podOf, TEST_MARKS, underlayOf } from "../../support/fabric.ts";
import { joinHosts, makeHost, type Host } from "../../support/hosts.ts";
import { sendRaw, udpPacket } from "../../support/spoof.ts";

const PORT = 8285;
const TABLE = TEST_MARKS.peersTable;

let hosts: [Host, Host];
let underlay: Disposable;
let kernel: NetlinkKernel;

/** Host 1 is a node whose peer is node 2; host 3 is somebody else. */
beforeAll(() => {
  hosts = [makeHost(1), makeHost(3)];
  underlay = joinHosts(hosts);
  const [node] = hosts;
  const commands = [
    "add table inet probe",
    "add counter inet probe arrived",
    "add chain inet probe in { type filter hook input priority 0; }",
    `add rule inet probe in udp dport ${PORT} counter name arrived`,
  ];
  node.netns.run(() => execFileSync("nft", [commands.join("; ")]));
  kernel = new NetlinkKernel({ sys, marks: TEST_MARKS, within: (fn) => node.netns.run(fn) });
});
afterAll(() => {
  kernel[Symbol.dispose]();
  underlay[Symbol.dispose]();
  for (const host of hosts) host[Symbol.dispose]();
});

const count = (table: string, name: string): number =>
  hosts[0].netns.run(() => {
    using socket = openNftQueries(sys);
    return queryCounter(socket, { family: "inet", table, name })?.packets ?? 0;
  });

function arrives(source: Address): boolean {
  const destination = underlayOf(1, 4);
  const before = count("probe", "arrived");
  const inner = udpPacket({
    source: podOf(2, 4).address,
    destination: podOf(1, 4).address,
    port: 9,
    payload: new Uint8Array(4),
  });
  hosts[1].netns.run(() => {
    sendRaw(udpPacket({ source, destination, port: PORT, payload: inner }), destination);
    execFileSync("ping", ["-n", "-q", "-c", "1", "-W", "5", destination.toString()]);
  });
  return count("probe", "arrived") > before;
}

describe("a port of bare packets", () => {
  test("is open to all without the filter", () => {
    expect(arrives(underlayOf(3, 4))).toBe(true);
  });

  test("is open to peers alone with it, whatever the packet holds", () => {
    const tunnels = [{ family: 4, port: PORT }] as const;
    const desired = new DesiredState();
    desired.set(BASE, [...sourceFilter(tunnels, TABLE), ...peerSources(tunnels, makeLease(2), TABLE)]);
    kernel.dump(new Set(["nft-table"]), desired);
    const outcomes = kernel.apply([...desired.objects()].map((object) => ({ type: "add", object })));
    expect(outcomes).toEqual([undefined, undefined]);
    expect(arrives(underlayOf(3, 4))).toBe(false);
    expect(arrives(Address.parse("192.168.0.77"))).toBe(false);
    expect(count(TABLE, DROP_COUNTER)).toBe(2);
    expect(arrives(underlayOf(2, 4))).toBe(true);
  });
});
