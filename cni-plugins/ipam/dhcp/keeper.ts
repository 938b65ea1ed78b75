// The leases of the daemon, by attachment: answers what plugins ask, turns the leases that are due, and keeps what must
// outlive the daemon in a file beside its socket.
import { readText, removeFile, writeText } from "#kernel/files";
import { orThrow } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import { errorText } from "#spec/errors";
import { failure, toCniError } from "../../error.ts";
import { Fields, isObject } from "../../fields.ts";
import type { Result } from "../../result/types.ts";
import { Lease, type Patience } from "./lease.ts";
import type { Grant } from "./offer.ts";
import {
  printGrant,
  readGrantDocument,
  readRequest,
  readRequestFields,
  requestDocument,
  resultOf,
  type Answer,
  type Request,
} from "./protocol.ts";
import type { Port } from "./transport.ts";

export interface KeeperOptions {
  readonly sys: Sys;
  /** Undefined keeps nothing. */
  readonly file: string | undefined;
  readonly patience: Patience;
  readonly portOf: (netns: string, ifname: string) => Port;
  /** Milliseconds, never going back. */
  readonly now: () => number;
  readonly random: () => number;
  readonly log: (text: string) => void;
}

interface Held {
  readonly request: Request;
  readonly lease: Lease;
}

/** POLLIN of poll.h. */
const POLLIN = 1;

export class LeaseKeeper {
  readonly #options: KeeperOptions;
  readonly #held = new Map<string, Held>();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#load();
  }

  /** Answers a request: at once, but for an address that a server must give first. Never throws. */
  handle(line: string, reply: (answer: Answer) => void): void {
    try {
      const request = readRequest(line);
      if (request.method === "allocate") this.#allocate(request, reply);
      else reply({ result: this.#answer(request) });
    } catch (error) {
      reply({ error: toCniError(error) });
    }
  }

  /** Milliseconds until a lease wants a turn: 0 when one is due. */
  get pause(): number {
    const now = this.#options.now();
    return Math.max(0, Math.min(...[...this.#held.values()].map(({ lease }) => lease.wakeAt - now)));
  }

  /** Whether an answer of a server is awaited. */
  get isWaiting(): boolean {
    return [...this.#held.values()].some(({ lease }) => lease.fd !== undefined);
  }

  /** Waits for answers, `patience` ms at most, and turns every lease. */
  turn(patience: number): void {
    const entries = [...this.#held.values()].flatMap(({ lease }) =>
      lease.fd === undefined ? [] : [{ fd: lease.fd, events: POLLIN, revents: 0 }],
    );
    if (entries.length > 0) this.#options.sys.poll(entries, Math.min(patience, this.pause));
    const now = this.#options.now();
    for (const { lease } of this.#held.values()) if (lease.fd !== undefined || lease.wakeAt <= now) lease.turn(now);
  }

  #allocate(request: Request, reply: (answer: Answer) => void): void {
    const key = keyOf(request);
    this.#held.get(key)?.lease.stop(new Error("another request for this interface took its place"));
    const { requested, provided, priority } = request;
    const settled = (outcome: Grant | Error): void => {
      if (outcome instanceof Error) reply({ error: failure(`no address for ${key}: ${outcome.message}`, outcome) });
      else reply({ result: resultOf(outcome, priority) });
    };
    const lease = new Lease(
      { clientId: key, requested, provided },
      this.#context(key, request, settled),
      this.#options.now(),
    );
    this.#held.set(key, { request, lease });
  }

  #context(key: string, request: Request, settled: (outcome: Grant | Error) => void) {
    const { patience, random, log, portOf } = this.#options;
    return {
      patience,
      port: portOf(request.netns, request.ifname),
      random,
      log,
      settled,
      changed: (grant: Grant | undefined) => {
        log(
          `${key}: ${grant === undefined ? "no lease any more" : `${grant.address.toString()} for ${grant.expireAfter} s`}`,
        );
        if (grant === undefined && this.#held.get(key)?.lease.state === "ended") this.#held.delete(key);
        this.#save();
      },
    };
  }

  #answer(request: Request): Result | undefined {
    const key = keyOf(request);
    const held = this.#held.get(key);
    if (request.method === "release") held?.lease.release();
    if (request.method === "collect") this.#collect(request);
    if (request.method !== "check") return undefined;
    if (held?.lease.grant === undefined) throw failure(`dhcp: there is no lease for ${key}`);
    return resultOf(held.lease.grant, request.priority);
  }

  #collect({ network, valid }: Request): void {
    const kept = new Set(valid.map((attachment) => keyOf({ network, ...attachment })));
    for (const [key, held] of this.#held) {
      if (held.request.network === network && !kept.has(key)) held.lease.release();
    }
  }

  /** Times in the file are of the day's clock: ours begins anew with every start. */
  #save(): void {
    const { file, sys, now, log } = this.#options;
    if (file === undefined) return;
    const offset = Date.now() - now();
    const leases = [...this.#held.values()].flatMap(({ request, lease }) => {
      const { grant } = lease;
      if (grant === undefined) return [];
      return [{ request: requestDocument(request), grant: printGrant(grant), grantedAt: lease.grantedAt + offset }];
    });
    try {
      const next = `${file}.new`;
      removeFile(sys, next);
      writeText(sys, next, JSON.stringify({ leases }), "create");
      orThrow(sys.rename(next, file), "rename", file);
    } catch (error) {
      log(`leases are not kept: ${errorText(error)}`);
    }
  }

  #load(): void {
    const { file, sys, log } = this.#options;
    if (file === undefined) return;
    try {
      const text = readText(sys, file);
      const document: unknown = text === undefined ? {} : JSON.parse(text);
      const fields = new Fields(isObject(document) ? document : {}, file);
      for (const item of fields.objects("leases") ?? []) this.#resume(item);
    } catch (error) {
      log(`the leases in ${file} cannot be read: ${errorText(error)}`);
    }
  }

  #resume(item: Fields): void {
    const { now, log } = this.#options;
    try {
      const [wanted, given] = [item.object("request"), item.object("grant")];
      if (wanted === undefined || given === undefined) throw failure(`${item.where} needs request and grant`);
      const request = readRequestFields(wanted);
      const grant = readGrantDocument(given);
      const time = item.raw("grantedAt");
      // A clock that was set back must not make a lease longer.
      const grantedAt = Math.min(now(), (typeof time === "number" ? time : 0) - (Date.now() - now()));
      const key = keyOf(request);
      const { requested, provided } = request;
      const lease = new Lease(
        { clientId: key, requested, provided },
        this.#context(key, request, () => {}),
        now(),
        { grant, grantedAt },
      );
      this.#held.set(key, { request, lease });
      log(`${key}: goes on with ${grant.address.toString()}`);
    } catch (error) {
      log(`a lease cannot be taken over: ${errorText(error)}`);
    }
  }
}

/** The client id that the server knows an attachment by. */
export function keyOf({ containerId, network, ifname }: Pick<Request, "containerId" | "network" | "ifname">): string {
  return `${containerId}/${network}/${ifname}`;
}
