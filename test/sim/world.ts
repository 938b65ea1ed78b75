// One simulated cluster: a store, machines, the lines between them, and the judge who watches.
import { Address } from "#kernel/ip/address";
import type { MemoryCopy } from "../../daemon/store/memory-world.ts";
import { CONFIG_PATH, SimEtcd } from "./etcd.ts";
import { Judge } from "./judge.ts";
import { Machine } from "./machine.ts";
import type { Mutation } from "./mutations.ts";
import { Line } from "./network.ts";
import { SeededRandom } from "./random.ts";
import { Timeline } from "./timeline.ts";
import { Trace } from "./trace.ts";

/** What a run is made of besides its faults. */
export interface Setup {
  readonly machines: number;
  readonly members: number;
  /** How many subnets there are to lease. */
  readonly slots: number;
  readonly ttlSeconds: number;
  readonly backend: "vxlan" | "host-gw";
  readonly directRouting: boolean;
  /** Records per page of a listing. */
  readonly page: number;
  readonly resyncSeconds: number;
}

export class World {
  readonly setup: Setup;
  readonly mutation: Mutation;
  readonly timeline = new Timeline();
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly etcd: SimEtcd;
  readonly judge: Judge;
  readonly machines: readonly Machine[];
  readonly backups: MemoryCopy[] = [];

  constructor(seed: string, setup: Setup, mutation: Mutation, isTraced: boolean) {
    this.setup = setup;
    this.mutation = mutation;
    this.random = new SeededRandom(seed);
    this.trace = new Trace(isTraced, () => this.timeline.now);
    this.etcd = new SimEtcd(this.timeline, this.random.stream("store"), setup.members);
    this.etcd.world.put(CONFIG_PATH, configText(setup));
    this.backups.push(this.etcd.world.copyOut());
    this.judge = new Judge(this);
    this.etcd.onWritten = (written) => this.judge.written(written);
    this.machines = Array.from({ length: setup.machines }, (_, index) => {
      const random = this.random.stream(`machine ${index + 1}`);
      return new Machine(this, index + 1, new Line(this.etcd, random.stream("line")), random);
    });
  }

  /** Ends every member's connections, as its end does. */
  disconnect(members = this.etcd.members): void {
    for (const member of members) {
      for (const stream of member.streams) stream.end();
      for (const { line } of this.machines) line.memberLost(member);
    }
  }

  close(): void {
    for (const machine of this.machines) machine.kill();
    this.etcd.world.close();
  }
}

/** The key of slot `number`, from 1. */
export function slotKey(number: number): string {
  return `10.5.${number}.0-24`;
}

function configText({ slots, backend, directRouting }: Setup): string {
  const last = Address.parse(`10.5.${slots}.0`).toString();
  const options = backend === "vxlan" ? { Type: "vxlan", DirectRouting: directRouting } : { Type: backend };
  return JSON.stringify({ Network: "10.5.0.0/16", SubnetMin: "10.5.1.0", SubnetMax: last, Backend: options });
}
