// The network between a machine and the store's members: connections that keep the order of each call's messages in
// each direction, and whose calls overtake each other freely, as HTTP/2 streams do. A line can be slow, cut (TCP holds
// back what is under way and delivers it when the line is whole again, if the connection lives), cut one way, or
// half-open: something in the middle keeps the connection alive and carries nothing.
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { type Ailment, HEALTHY, type Member, type SimEtcd } from "./etcd.ts";
import type { SeededRandom } from "./random.ts";
import type { WatchStream } from "./watch-stream.ts";

type Direction = "toStore" | "toNode";

export type LineState = "whole" | "cut" | "toStoreCut" | "toNodeCut" | "halfOpen";

/** Milliseconds. HTTP/2 PINGs of the client: sent every 10 s, given up after 5 s more. */
const PING = { soonest: 5_000, latest: 15_000 };

/** Milliseconds that a message takes on a healthy line. */
const LATENCY = { least: 1, most: 12 };

/** Who receives: a machine runs things when its processor does, a dead daemon never. */
export interface Receiver {
  readonly name: string;
  run(what: () => void): void;
}

export class Line {
  readonly #etcd: SimEtcd;
  readonly #random: SeededRandom;
  state: LineState = "whole";
  /** Milliseconds that each message takes longer. */
  slowness = 0;
  readonly #connections = new Set<Connection>();
  /** What waits for the line to be whole. */
  readonly #held: Record<Direction, (() => void)[]> = { toStore: [], toNode: [] };
  /** When the last of what was held back has arrived. */
  #clearAt = 0;

  constructor(etcd: SimEtcd, random: SeededRandom) {
    this.#etcd = etcd;
    this.#random = random;
  }

  set(state: LineState): void {
    this.state = state;
    if (state === "whole") {
      const held = [...this.#held.toStore.splice(0), ...this.#held.toNode.splice(0)];
      // In their order: what is held back is what TCP sends again.
      let delay = 0;
      for (const message of held) this.#etcd.timeline.after((delay += this.#random.next()), message);
      this.#clearAt = this.#etcd.timeline.now + delay;
      for (const connection of this.#connections) if (connection.isLost) this.#loseSoon(connection);
      return;
    }
    if (state !== "halfOpen") for (const connection of this.#connections) this.#pingSoon(connection);
  }

  /** The member went away. Who cannot hear of it finds out later. */
  memberLost(member: Member): void {
    for (const connection of this.#connections) {
      if (connection.member !== member) continue;
      connection.lost();
      if (this.state === "whole") this.#loseSoon(connection, 50);
    }
  }

  /** A transport to a member for one daemon, as the etcd client's option wants it. */
  connector(receiver: Receiver): (endpoint: string) => Promise<Transport> {
    const open = new Map<string, Connection>();
    return (endpoint) => {
      const kept = open.get(endpoint);
      if (kept !== undefined && !kept.isClosed) return Promise.resolve(kept);
      const member = this.#etcd.members.find(({ url }) => url === endpoint)!;
      return new Promise((resolve, reject) => {
        this.carry("toStore", () => {
          const { isUp } = member;
          this.carry("toNode", () =>
            receiver.run(() => {
              if (!isUp) {
                reject(Object.assign(new Error(`connect ECONNREFUSED ${endpoint}`), { code: "ECONNREFUSED" }));
                return;
              }
              const connection = new Connection(this, this.#etcd, member, receiver, this.#random);
              // It went down again while the answer was on its way.
              if (!member.isUp) connection.lost();
              this.#connections.add(connection);
              open.set(endpoint, connection);
              resolve(connection);
            }),
          );
        });
      });
    };
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  /** The machine is gone, and the store notices when it answers. */
  dropAll(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** Brings a message across, or keeps it while the line carries nothing that way. Returns when it is due. */
  carry(direction: Direction, message: () => void, notBefore = 0): number {
    const { timeline } = this.#etcd;
    const at = Math.max(timeline.now + this.#latency(), notBefore, this.#clearAt);
    timeline.after(at - timeline.now, () => this.#arrive(direction, message));
    return at;
  }

  #arrive(direction: Direction, message: () => void, wasHeld = false): void {
    const passes =
      this.state === "whole" ||
      (this.state === "toStoreCut" && direction === "toNode") ||
      (this.state === "toNodeCut" && direction === "toStore");
    const held = this.#held[direction];
    const { timeline } = this.#etcd;
    if (passes && !wasHeld && timeline.now < this.#clearAt) {
      // What was held back comes first.
      timeline.after(this.#clearAt - timeline.now, () => this.#arrive(direction, message));
      return;
    }
    if (passes && (wasHeld || held.length === 0)) message();
    else held.push(() => this.#arrive(direction, message, true));
  }

  #pingSoon(connection: Connection): void {
    this.#etcd.timeline.after(this.#random.between(PING.soonest, PING.latest), () => {
      if (this.state !== "whole" && this.state !== "halfOpen") connection.fail("the peer does not answer pings");
    });
  }

  #loseSoon(connection: Connection, most = PING.latest): void {
    this.#etcd.timeline.after(this.#random.between(1, most), () => {
      if (this.state === "whole") connection.fail("read ECONNRESET");
    });
  }

  #latency(): number {
    return LATENCY.least + this.#random.next() * (LATENCY.most - LATENCY.least) + this.slowness * this.#random.next();
  }
}

interface Call {
  /** When the last message of each direction arrives: the next one does not overtake it. */
  sent: number;
  received: number;
  fail(error: Error): void;
  watch?: WatchStream;
}

type Fields = Readonly<Record<string, unknown>>;

/** One HTTP/2 connection with its calls, in the shape of a Connect transport. */
export class Connection implements Transport {
  readonly member: Member;
  readonly #line: Line;
  readonly #etcd: SimEtcd;
  readonly #receiver: Receiver;
  readonly #random: SeededRandom;
  readonly #calls = new Set<Call>();
  isClosed = false;
  /** The member's end is gone. */
  isLost = false;

  constructor(line: Line, etcd: SimEtcd, member: Member, receiver: Receiver, random: SeededRandom) {
    this.#line = line;
    this.#etcd = etcd;
    this.member = member;
    this.#receiver = receiver;
    this.#random = random;
  }

  // The messages are those of the protocol, made as plain objects.
  unary: Transport["unary"] = (method, signal, _timeout, _header, input) =>
    this.#open(signal, (call, answer: (message: Fields) => void, refuse) => {
      const last = (message: Fields): void => {
        this.#calls.delete(call);
        answer(message);
      };
      this.#toStore(call, () => this.#serve(method.name, input, call, last, refuse));
    }) as never;

  stream: Transport["stream"] = (method, signal, _timeout, _header, input) => {
    const responses = new Responses();
    return this.#open(signal, (call, answer: (message: never) => void) => {
      const refuse = (error: Error): void => responses.fail(error);
      const fail = call.fail.bind(call);
      call.fail = (error) => {
        fail(error);
        responses.fail(error);
      };
      signal?.addEventListener("abort", () => call.watch?.end(), { once: true });
      let isOpened = false;
      void this.#pump(input as AsyncIterable<Fields>, call, (request) => {
        if (!isOpened) {
          isOpened = true;
          this.#toNode(call, () => answer(responses as never));
        }
        if (method.name !== "Watch") {
          this.#serve(method.name, request, call, (message) => responses.push(message), refuse);
          return;
        }
        call.watch ??= this.#etcd.watch(this.member, (message) => {
          this.#toNode(call, () => responses.push(message));
        });
        call.watch.take(request as never);
      });
    }) as never;
  };

  /** The member's end is gone; ours does not know. */
  lost(): void {
    this.isLost = true;
    for (const call of this.#calls) call.watch?.end();
  }

  /** Ours is gone too. */
  close(): void {
    this.lost();
    this.isClosed = true;
    this.#line.forget(this);
  }

  fail(reason: string): void {
    if (this.isClosed) return;
    this.close();
    this.#receiver.run(() => {
      for (const call of this.#calls) call.fail(new ConnectError(reason, Code.Unavailable));
    });
  }

  #open<T>(
    signal: AbortSignal | undefined,
    begin: (call: Call, answer: (message: T) => void, refuse: (error: Error) => void) => void,
  ): Promise<{ message: T }> {
    return new Promise((resolve, reject) => {
      const call: Call = { sent: 0, received: 0, fail: reject };
      const done = (): void => void this.#calls.delete(call);
      if (this.isClosed) {
        reject(new ConnectError("the connection is closed", Code.Unavailable));
        return;
      }
      this.#calls.add(call);
      signal?.addEventListener(
        "abort",
        () => {
          done();
          call.fail(new ConnectError("This operation was aborted", Code.Canceled));
        },
        { once: true },
      );
      begin(
        call,
        (message) => resolve({ message }),
        (error) => {
          done();
          call.fail(error);
        },
      );
    });
  }

  async #pump(input: AsyncIterable<Fields>, call: Call, take: (request: Fields) => void): Promise<void> {
    for await (const request of input) this.#toStore(call, () => take(request));
  }

  /** One request at the member: carried out, or what the store's ailment makes of it. */
  #serve(
    method: string,
    request: Fields,
    call: Call,
    answer: (message: Fields) => void,
    refuse: (error: Error) => void,
  ): void {
    const respond = (what: () => void): void => this.#toNode(call, what);
    const { refused, unanswered, twice }: Ailment = this.#etcd.ailment;
    const { ailment } = this.#etcd;
    try {
      if (ailment !== HEALTHY && this.#random.chance(refused)) {
        const text = this.#random.pick(["etcdserver: no leader", "etcdserver: too many requests"]);
        throw new ConnectError(text, Code.Unavailable);
      }
      let message = this.#etcd.answer(this.member, this.#receiver.name, method, request);
      if (ailment !== HEALTHY && this.#random.chance(twice)) {
        message = this.#etcd.answer(this.member, this.#receiver.name, method, request);
      }
      if (ailment !== HEALTHY && this.#random.chance(unanswered)) {
        throw new ConnectError("etcdserver: request timed out", Code.Unavailable);
      }
      respond(() => answer(message));
    } catch (error) {
      respond(() => refuse(error as Error));
    }
  }

  #toStore(call: Call, message: () => void): void {
    call.sent = this.#line.carry(
      "toStore",
      () => {
        if (!this.isLost) message();
        else if (!this.isClosed) this.#line.carry("toNode", () => this.fail("read ECONNRESET"));
      },
      call.sent,
    );
  }

  #toNode(call: Call, message: () => void): void {
    call.received = this.#line.carry(
      "toNode",
      () => {
        if (!this.isLost) this.#receiver.run(message);
      },
      call.received,
    );
  }
}

/** The answers on a stream. */
class Responses implements AsyncIterableIterator<Fields> {
  readonly #queue: Fields[] = [];
  #error: Error | undefined;
  #waiting: { resolve(result: IteratorResult<Fields>): void; reject(error: Error): void } | undefined;

  push(message: unknown): void {
    if (this.#waiting === undefined) this.#queue.push(message as Fields);
    else this.#waiting.resolve({ done: false, value: message as Fields });
    this.#waiting = undefined;
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#waiting?.reject(this.#error);
    this.#waiting = undefined;
  }

  next(): Promise<IteratorResult<Fields>> {
    const value = this.#queue.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  }

  return(): Promise<IteratorResult<Fields>> {
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
