// `loden demo`: brings the fabric up before the user's eyes, shows it working, and takes all of it away again.
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { sys } from "#sys";
import type { Family } from "#kernel/ip/address";
import { errorText, LodenError } from "#spec/errors";
import { type Executables, findExecutables } from "../executables.ts";
import { type Container, Fabric } from "./fabric.ts";
import { DEMO_USAGE, type DemoOptions, readDemoOptions } from "./options.ts";
import { type Endpoint, ReachTester } from "./reach.ts";
import { openDemoDirectory } from "./sweep.ts";
import { pairKey, type Reach, renderTable } from "./table.ts";

const REFRESH_MS = 1000;

export async function runDemo(args: readonly string[]): Promise<number> {
  const options = readDemoOptions(args);
  if (options === undefined) {
    process.stdout.write(DEMO_USAGE);
    return 0;
  }
  if (process.getuid?.() !== 0) {
    throw new LodenError("ERR_PRIVILEGE", "the demo makes network namespaces and devices: run it as root");
  }
  const executables = findExecutables();
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());
  using directory = openDemoDirectory(sys);
  const fabric = new Fabric(sys, executables, options, directory.path);
  let status = 1;
  try {
    const run = show(fabric, options, executables, interrupted.signal);
    const stop = once(interrupted.signal, "abort").then(() => 0);
    status = await Promise.race([fabric.broken, run, stop]);
  } catch (error) {
    say(`\nThe demo failed: ${errorText(error)}`);
  } finally {
    interrupted.abort();
    say(options.check ? "" : "\nTaking everything away…");
    const errors = await fabric.stop();
    for (const error of errors) say(`while cleaning up: ${errorText(error)}`);
    if (errors.length > 0) status = 1;
  }
  return status;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function show(
  fabric: Fabric,
  options: DemoOptions,
  executables: Executables,
  signal: AbortSignal,
): Promise<number> {
  say(`Making ${options.hosts} hosts on one underlay, out of network namespaces.`);
  say(`Starting the ${options.store} store at ${fabric.storeUrl}.`);
  await fabric.startStore();
  say(`Starting lodend on every host, with the ${options.backend} backend.`);
  await fabric.startDaemons();
  say(`Attaching ${options.containers} containers per host with the CNI executables.\n`);
  await using tester = new ReachTester(sys);
  for (const host of fabric.topology.hosts) {
    for (let number = 1; number <= options.containers; number++) await tester.serve(fabric.attach(host, number));
  }
  return options.check ? await check(fabric.containers, tester) : await watch(fabric, tester, executables, signal);
}

type Pair = readonly [from: Endpoint, to: Endpoint];

/** Every container as sender and receiver, with its address of one family, by family. */
function byFamily(containers: readonly Container[]): Map<Family, Endpoint[]> {
  const families = new Map<Family, Endpoint[]>();
  for (const { name, namespace, addresses } of containers) {
    for (const address of addresses) {
      const members = families.get(address.family) ?? [];
      families.set(address.family, [...members, { name, namespace, address }]);
    }
  }
  return families;
}

function pairsOf(members: readonly Endpoint[]): Pair[] {
  return members.flatMap((from) => members.filter((to) => to !== from).map((to): Pair => [from, to]));
}

function tableOf(members: readonly Endpoint[], reach: Reach): string {
  const labelled = members.map(({ name, address }) => ({ name, address: address.toString() }));
  return renderTable(labelled, reach, process.stdout.isTTY);
}

/** "30/30", or with two families "30/30 over IPv4, 30/30 over IPv6". */
function summary(counts: ReadonlyMap<Family, readonly [reached: number, all: number]>): string {
  const parts = [...counts].map(([family, [reached, all]]) => {
    return `${reached}/${all}${counts.size > 1 ? ` over IPv${family}` : ""}`;
  });
  return `pairs reachable: ${parts.join(", ")}`;
}

/** Every pair by ping and by a transfer with its hash compared. */
async function check(containers: readonly Container[], tester: ReachTester): Promise<number> {
  const failures: string[] = [];
  const counts = new Map<Family, readonly [number, number]>();
  for (const [family, members] of byFamily(containers)) {
    const reach = new Map<string, number | undefined>();
    const pairs = pairsOf(members);
    const before = failures.length;
    for (const [from, to] of pairs) {
      const ms = await tester.ping(from, to);
      reach.set(pairKey(from.name, to.name), ms);
      const broken = ms === undefined ? "no answer to ping" : await tester.transfer(from, to);
      if (broken === undefined) continue;
      failures.push(`${from.name} (${from.address.toString()}) to ${to.name} (${to.address.toString()}): ${broken}`);
    }
    counts.set(family, [pairs.length - (failures.length - before), pairs.length]);
    say(`${tableOf(members, reach)}\n`);
  }
  say(summary(counts));
  for (const failure of failures) say(`  ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

/** The table, anew every second, until Ctrl-C. */
async function watch(
  fabric: Fabric,
  tester: ReachTester,
  executables: Executables,
  signal: AbortSignal,
): Promise<number> {
  const hint = whatToTry(fabric, executables);
  const isTerminal = process.stdout.isTTY;
  const families = byFamily(fabric.containers);
  for (let round = 0; !signal.aborted; round++) {
    const counts = new Map<Family, readonly [number, number]>();
    const tables: string[] = [];
    for (const [family, members] of families) {
      const pairs = pairsOf(members);
      const results = await Promise.all(
        pairs.map(async ([from, to]) => [pairKey(from.name, to.name), await tester.ping(from, to)] as const),
      );
      counts.set(family, [results.filter(([, ms]) => ms !== undefined).length, pairs.length]);
      tables.push(tableOf(members, new Map(results)));
    }
    const line = `${summary(counts)}   round ${round + 1}`;
    const text = `${tables.join("\n\n")}\n\n${line}\n${hint}`;
    if (isTerminal && round > 0) process.stdout.write(`\u001b[${text.split("\n").length}F\u001b[J`);
    say(isTerminal || round === 0 ? text : line);
    await delay(REFRESH_MS, undefined, { signal }).catch(() => undefined);
  }
  return 0;
}

function whatToTry(fabric: Fabric, executables: Executables): string {
  const [first] = fabric.containers;
  const last = fabric.containers.at(-1);
  const [host] = fabric.topology.hosts;
  if (first === undefined || last === undefined || host === undefined) return "";
  return `
Try, in another terminal:
  nsenter --net=${first.namespace.path} ping ${last.addresses.join(" or ")}          # from ${first.name} to ${last.name}
  nsenter --net=${host.path} ip route                                 # ${host.name}: one route per peer
  nsenter --net=${host.path} ip link delete flannel.1                 # the daemon repairs it
  nsenter --net=${fabric.topology.switch.path} etcdctl --endpoints=${fabric.storeUrl} get --prefix /coreos.com/network
  ${executables.loden} status --subnet-file=${fabric.subnetFile(host)}
  less ${fabric.logOf(host)}
Ctrl-C ends the demo and takes everything away.`;
}
