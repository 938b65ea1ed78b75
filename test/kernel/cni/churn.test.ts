// Plugins and residents that are killed at work: GC finds all that they left, and nothing else. `npm run bench -- churn`
// is the same for longer.
import { expect, test } from "vitest";
import { hostVethName, unfinishedGroup } from "../../../cni-plugins/interface/marks.ts";
import { compiledPlugins } from "../../support/cni.ts";
import { Host, succeed } from "../../support/cni-rig.ts";
import { TestNetwork, ip } from "../../support/cni-network.ts";
import { churn } from "../../support/cni-churn.ts";

test.each(["stand-alone", "resident"] as const)("%s: nothing is left of containers after kills and GC", async (way) => {
  using own = new Host();
  const directory = compiledPlugins();
  const report = await churn({ directory, work: own.work, seed: `test-${way}`, cycles: 36, way, period: 2 });
  expect(report).toMatchObject({ lost: [], left: [] });
  expect(report.killed).toBeGreaterThan(5);
});

test.each([
  ["bridge", "DEL"],
  ["bridge", "GC"],
  ["ptp", "DEL"],
  ["ptp", "GC"],
] as const)("%s %s: a pair whose maker was killed before it could mark it", (plugin, command) => {
  using host = new Host();
  const network = new TestNetwork(host, { directory: compiledPlugins(), plugin });
  const make = (name: string, group: number): void => {
    ip("link", "add", name, "group", String(group), "type", "veth", "peer", "name", `${name}x`);
  };
  make(hostVethName(network.name, "c1", "eth0"), unfinishedGroup(network.name));
  make("another", unfinishedGroup("another"));
  make("plain", 0);
  succeed(network.callWith({ "cni.dev/valid-attachments": [] }, command));
  expect(host.veths().toSorted()).toEqual(["another", "anotherx", "plain", "plainx"]);
});
