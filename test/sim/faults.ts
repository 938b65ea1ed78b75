// What can befall a cluster. Each fault is told a machine and two numbers and makes of them what the moment allows; what
// the moment does not allow does nothing, so that any part of a schedule is a schedule.
import type { Address } from "#kernel/ip/address";
import { encodeLease } from "../../daemon/lease/record.ts";
import { KINDS } from "../../daemon/reconcile/objects.ts";
import { LodenError } from "#spec/errors";
import { HEALTHY } from "./etcd.ts";
import { type Machine, underlay } from "./machine.ts";
import type { LineState } from "./network.ts";
import { slotKey, type World } from "./world.ts";

type Apply = (world: World, machine: Machine, x: number, y: number) => string | undefined;

interface Fault {
  readonly weight: number;
  /** Tells what was done, or nothing when nothing was. */
  readonly apply: Apply;
}

const CUTS: readonly LineState[] = ["cut", "cut", "toStoreCut", "toNodeCut", "halfOpen"];

/** Values that are no leases, and some that are leases of nobody's taste. */
const GARBAGE = [
  "",
  "{",
  "null",
  "[]",
  '{"PublicIP":7}',
  '{"PublicIP":"not an address"}',
  "\u0000\ufffd",
  '{"PublicIP":"192.168.0.99","BackendType":"vxlan","BackendData":{"VtepMAC":"zz"}}',
  '{"PublicIP":"224.0.0.1","BackendType":"vxlan","BackendData":{"VtepMAC":"02:00:00:00:00:01"}}',
];

const GARBAGE_KEYS = ["garbage", "10.5.300.0-24", "10.5.1.0", "config", "10.9.1.0-24", "\u{1f600}"];

export const FAULTS = {
  cut: {
    weight: 6,
    apply: (_world, { line }, x) => {
      line.set(choose(CUTS, x));
      return `line is ${line.state}`;
    },
  },
  heal: {
    weight: 5,
    apply: (_world, { line }) => {
      if (line.state === "whole" && line.slowness === 0) return undefined;
      line.slowness = 0;
      line.set("whole");
      return "line is whole";
    },
  },
  slow: {
    weight: 2,
    apply: (_world, { line }, x) => {
      line.slowness = Math.round(20 + 12_000 * x ** 4);
      return `line is slower by up to ${line.slowness} ms`;
    },
  },
  memberDown: {
    weight: 2,
    apply: ({ etcd, machines }, _machine, x) => {
      const member = choose(etcd.members, x);
      if (!member.isUp) return undefined;
      member.isUp = false;
      for (const stream of member.streams) stream.end();
      for (const { line } of machines) line.memberLost(member);
      return `${member.url} goes down`;
    },
  },
  memberUp: {
    weight: 3,
    apply: ({ etcd }) => {
      const member = etcd.members.find(({ isUp, lagsAt }) => !isUp || lagsAt !== undefined);
      if (member === undefined) return undefined;
      member.isUp = true;
      member.lagsAt = undefined;
      for (const stream of member.streams) stream.wake();
      return `${member.url} is up`;
    },
  },
  lag: {
    weight: 2,
    apply: ({ etcd }, _machine, x) => {
      const member = choose(etcd.members, x);
      member.lagsAt ??= etcd.world.revision;
      return `${member.url} lags behind`;
    },
  },
  restart: {
    weight: 2,
    apply: (world, _machine, x) => {
      world.disconnect();
      world.etcd.elect(x < 0.5);
      return `the store restarts${x < 0.5 ? ", its leases live anew" : ""}`;
    },
  },
  backUp: {
    weight: 2,
    apply: ({ backups, etcd }) => {
      backups.push(etcd.world.copyOut());
      return `backup at revision ${etcd.world.revision}`;
    },
  },
  rollBack: {
    weight: 1,
    apply: (world, _machine, x, y) => {
      world.disconnect();
      world.etcd.rollBack(choose(world.backups, x), y < 0.5);
      world.judge.woundBack();
      return `the store is restored at revision ${world.etcd.world.revision}`;
    },
  },
  compact: {
    weight: 4,
    apply: ({ etcd: { world } }, _machine, x) => {
      const kept = x < 0.5 ? 0n : BigInt(Math.floor((x - 0.5) * 6));
      world.compact(world.revision - kept);
      return `compacted at ${world.compacted}`;
    },
  },
  ailing: {
    weight: 2,
    apply: ({ etcd }, _machine, x, y) => {
      etcd.ailment = { refused: x * 0.4, unanswered: y * 0.4, twice: (1 - x) * 0.3 };
      return "the store is ailing";
    },
  },
  full: {
    weight: 1,
    apply: ({ etcd }) => {
      etcd.isFull = !etcd.isFull;
      return etcd.isFull ? "the store is full" : "the store has room";
    },
  },
  well: {
    weight: 3,
    apply: ({ etcd }) => {
      if (etcd.ailment === HEALTHY && !etcd.isFull) return undefined;
      etcd.ailment = HEALTHY;
      etcd.isFull = false;
      return "the store is well";
    },
  },
  kill: {
    weight: 4,
    apply: (_world, machine) => {
      if (machine.daemon === undefined) return undefined;
      machine.kill();
      return "lodend is killed";
    },
  },
  stop: {
    weight: 2,
    apply: (_world, machine) => {
      if (machine.daemon === undefined || machine.daemon.isStopping) return undefined;
      machine.stop();
      return "lodend is asked to stop";
    },
  },
  drain: {
    weight: 1,
    apply: (_world, machine) => {
      if (machine.daemon === undefined || machine.daemon.isStopping) return undefined;
      machine.drain();
      return "is drained";
    },
  },
  start: {
    weight: 8,
    apply: (_world, machine) => {
      if (machine.daemon !== undefined || machine.isPaused) return undefined;
      machine.start();
      return "";
    },
  },
  reboot: {
    weight: 2,
    apply: (_world, machine, x) => {
      machine.line.dropAll();
      machine.reboot(x < 0.7);
      if (x < 0.8) machine.start();
      return `reboots${x < 0.7 ? ", and its files are gone" : ""}`;
    },
  },
  pause: {
    weight: 3,
    apply: (_world, machine) => {
      if (machine.isPaused) return undefined;
      machine.pause();
      return "is suspended";
    },
  },
  resume: {
    weight: 4,
    apply: (_world, machine) => {
      if (!machine.isPaused) return undefined;
      machine.resume();
      return "goes on";
    },
  },
  newAddress: {
    weight: 1,
    apply: (world, machine, x, y) => {
      const free = 20 + Math.floor(x * 20) + world.machines.length;
      return readdressed(machine, underlay(free), y < 0.5);
    },
  },
  sameAddress: {
    weight: 1,
    apply: (world, machine, x, y) => {
      const other = choose(world.machines, x);
      return other === machine ? undefined : readdressed(machine, other.address, y < 0.5);
    },
  },
  wallJump: {
    weight: 1,
    apply: (_world, machine, x) => {
      machine.wallOffset = Math.round((x - 0.5) * 2e10);
      return `its wall clock is off by ${machine.wallOffset} ms`;
    },
  },
  linkDown: {
    weight: 2,
    apply: (_world, { kernel }) => {
      const link = [...kernel.objects.values()].find(({ kind }) => kind === "link");
      if (link?.kind !== "link") return undefined;
      kernel.linkDown(link.spec.name);
      return `somebody puts ${link.spec.name} down`;
    },
  },
  deleteObject: {
    weight: 4,
    apply: (_world, { kernel }, x) => {
      const keys = [...kernel.objects.keys()].filter((key) => !key.startsWith("sysctl "));
      if (keys.length === 0) return undefined;
      const key = choose(keys, x);
      kernel.delete(key);
      return `somebody deletes ${key}`;
    },
  },
  alterObject: {
    weight: 2,
    apply: (_world, { kernel }, x) => {
      const routes = [...kernel.objects.values()].filter(({ kind }) => kind === "route");
      const route = choose(routes, x);
      if (route?.kind !== "route" || route.spec.gateway === undefined) return undefined;
      kernel.put({ ...route, ours: false, spec: { ...route.spec, gateway: route.spec.gateway.add(1) } });
      return `somebody alters ${route.key}`;
    },
  },
  kernelErrors: {
    weight: 2,
    apply: (_world, machine, x, y) => {
      const { kernel, random } = machine;
      kernel.failApply = () => (random.chance(x * 0.6) ? new LodenError("ERR_NETLINK", "ENOMEM") : undefined);
      kernel.failDump = () => (random.chance(y * 0.3) ? new LodenError("ERR_NETLINK", "EINTR") : undefined);
      return "its kernel refuses some requests";
    },
  },
  kernelWell: { weight: 2, apply: (_world, machine) => kernelWell(machine) },
  deaf: {
    weight: 2,
    apply: (_world, machine) => {
      machine.isDeaf = true;
      return "notifications get lost";
    },
  },
  garbage: {
    weight: 2,
    apply: ({ etcd, setup }, _machine, x, y) => {
      const isOdd = x < 0.3;
      const key = isOdd ? choose(GARBAGE_KEYS, x / 0.3) : slotKey(1 + Math.floor(((x - 0.3) / 0.7) * setup.slots));
      etcd.put(key, choose(GARBAGE, y));
      return "";
    },
  },
  handDelete: {
    weight: 2,
    apply: ({ etcd }, _machine, x) => {
      const keys = [...etcd.truth.now.keys()];
      if (keys.length === 0) return undefined;
      etcd.delete(choose(keys, x));
      return "";
    },
  },
  handOver: {
    weight: 1,
    apply: ({ etcd }, _machine, x, y) => {
      const keys = [...etcd.truth.now.keys()];
      if (keys.length === 0) return undefined;
      etcd.put(choose(keys, x), flannelLease(200 + Math.floor(y * 20)), 30);
      return "";
    },
  },
  flannelJoins: {
    weight: 2,
    apply: ({ etcd, setup }, _machine, x, y) => {
      const key = slotKey(1 + Math.floor(x * setup.slots));
      if (etcd.truth.now.has(key)) return undefined;
      etcd.put(key, flannelLease(200 + Math.floor(y * 20)), 30);
      return "";
    },
  },
  reserve: {
    weight: 1,
    apply: ({ etcd, setup }, machine, x) => {
      const key = slotKey(1 + Math.floor(x * setup.slots));
      if (etcd.truth.now.has(key)) return undefined;
      etcd.put(key, `{"PublicIP":"${machine.address.toString()}","PublicIPv6":null}`);
      return "";
    },
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof FAULTS;

/** Ends everything that is wrong, as far as somebody can who runs the cluster, and starts what is down. */
export function mend(world: World): void {
  const { etcd, machines } = world;
  etcd.ailment = HEALTHY;
  etcd.isFull = false;
  for (const member of etcd.members) {
    member.isUp = true;
    member.lagsAt = undefined;
    for (const stream of member.streams) stream.wake();
  }
  // What people put there by mistake they take away again, and what they reserved: there may be no room left.
  for (const [key, record] of etcd.truth.now) {
    if (record.lease === 0n || !/"NodeID"/.test(record.value)) etcd.delete(key);
  }
  const taken = new Set<string>();
  for (const machine of machines) {
    machine.line.slowness = 0;
    if (machine.line.state !== "whole") machine.line.set("whole");
    if (machine.isPaused) machine.resume();
    kernelWell(machine);
    if (taken.has(machine.address.toString())) {
      readdressed(machine, underlay(60 + machine.number), false);
    }
    taken.add(machine.address.toString());
    if (machine.daemon?.isStopping === true) machine.kill();
    machine.start();
  }
}

function kernelWell(machine: Machine): string | undefined {
  const { kernel } = machine;
  kernel.failApply = () => undefined;
  kernel.failDump = () => undefined;
  if (machine.isDeaf) {
    machine.isDeaf = false;
    // The socket's buffer overran (ENOBUFS), and that it tells.
    kernel.overrun(KINDS);
  }
  return "its kernel is well";
}

/** An address that changes under a running daemon, or one that finds it changed when it starts. */
function readdressed(machine: Machine, address: Address, isLive: boolean): string {
  const text = `has the address ${address.toString()} now`;
  if (isLive) {
    machine.readdress(address);
    return text;
  }
  machine.kill();
  machine.address = address;
  machine.start();
  return `${text}, and lodend is started anew`;
}

function flannelLease(host: number): string {
  const address = underlay(host - 10);
  const mac = `02:00:00:00:01:${host.toString(16).padStart(2, "0")}`;
  const backendData = { 4: { VNI: 1, VtepMAC: mac } };
  return encodeLease({ publicAddress: { 4: address }, backendType: "vxlan", backendData });
}

function choose<T>(from: readonly T[], x: number): T {
  return from[Math.floor(x * from.length)] as T;
}
