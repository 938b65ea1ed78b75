// A peer that changes between a plain route and the tunnel under traffic, in both families: what the daemon does when the
// underlay's routes change, with the packets counted.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import type { Node } from "../../../daemon/lease/types.ts";
import { makeFabric, podOf, underlayOf } from "../../support/fabric.ts";
import { addPod, joinHosts, leasesFor, makeHost, type Host } from "../../support/hosts.ts";

const families = [4, 6] as const;
const SHAPE = { families, options: { DirectRouting: true } };
/** The moves of one run. */
const MOVES = 20;

/**
 * The last packet may have been on its way when ping ended. IPv6 has no replacement for an onlink route by another device:
 * the old one is deleted and the new one added in one batch, and between the two are some microseconds.
 */
const TOLERATED = { 4: 1, 6: 3 } as const;

let disposables: Disposable[] = [];

afterEach(() => {
  for (const each of disposables.toReversed()) each[Symbol.dispose]();
  disposables = [];
});

/** The node with a router before every peer, as far as it knows. */
function routed(node: Node): Node {
  const routes = families.map((family) => ({
    destination: podOf(1, family),
    link: "eth0",
    linkMtu: 1500,
    gateway: underlayOf(200, family),
    metric: 0,
  }));
  return {
    ...node,
    routes: routes.map((route, index) => ({ ...route, destination: node.routes[index]!.destination })),
  };
}

test.each(families)("IPv%i: moving there and back again is not noticed", async (family) => {
  const [a, b] = [makeHost(1), makeHost(2)] as [Host, Host];
  disposables.push(a, b, joinHosts([a, b]));
  for (const host of [a, b]) addPod(host, families);
  const [first, second] = [a, b].map((host) => host.reconcile(SHAPE));
  for (const [host, running] of [
    [a, first!],
    [b, second!],
  ] as const) {
    running.reconciler.replaceLeases(leasesFor([a, b], host, SHAPE));
    await running.reconciler.settled();
  }
  const source = podOf(1, family).address.toString();
  const target = podOf(2, family).address.toString();
  const ping = a.netns.run(() => spawn("ping", ["-n", "-i", "0.002", "-I", source, target]));
  let text = "";
  ping.stdout.on("data", (data: Buffer) => (text += data.toString()));
  await once(ping.stdout, "data");
  const { reconciler } = first!;
  for (let move = 1; move <= MOVES; move++) {
    const node = move % 2 === 1 ? routed(a.node) : a.node;
    reconciler.configure(makeFabric(SHAPE, node));
    await reconciler.settled();
    const device = move % 2 === 1 ? (family === 4 ? "flannel.1" : "flannel-v6.1") : "eth0";
    const subnet = podOf(2, family).masked.toString();
    expect(a.ip(`-${family}`, "route", "show", subnet)).toContain(`dev ${device}`);
  }
  ping.kill("SIGINT");
  await once(ping, "close");
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(text)!;
  expect(Number(sent) - Number(received)).toBeLessThanOrEqual(TOLERATED[family]);
});
