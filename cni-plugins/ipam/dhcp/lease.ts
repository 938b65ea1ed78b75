// One lease of one container: the client's side of RFC 2131 §4.4 as a state machine. Time and the network come from
// outside: `turn` is called when `wakeAt` has come or the transport can be read.
import type { Address } from "#kernel/ip/address";
import type { Link } from "#kernel/netlink/link";
import { errorText } from "#spec/errors";
import { BROADCAST } from "./datagram.ts";
import {
  MESSAGE_TYPE,
  NO_ADDRESS,
  OPTION,
  decodeMessage,
  encodeMessage,
  messageType,
  textOption,
  type DhcpMessage,
} from "./message.ts";
import { readGrant, type Grant } from "./offer.ts";
import type { Port, Transport } from "./transport.ts";

export interface LeaseSpec {
  /** Option 61, without its type. */
  readonly clientId: string;
  /** Options that are asked for. */
  readonly requested: readonly number[];
  /** Options that are sent along. */
  readonly provided: ReadonlyMap<number, Uint8Array>;
}

/** How patient the client is; milliseconds. */
export interface Patience {
  /** How long a server may take to confirm its offer before the client looks for another. */
  readonly answerTimeout: number;
  /** Longest pause between two tries. */
  readonly resendMax: number;
  /** After so long without an address the request fails. */
  readonly resendTimeout: number;
  /** The server shall broadcast its answers. */
  readonly broadcast: boolean;
}

export interface LeaseContext {
  readonly port: Port;
  readonly patience: Patience;
  /** Uniform in [0, 1). */
  random(): number;
  log(text: string): void;
  /** The first address, or why there is none. Called once. */
  settled(outcome: Grant | Error): void;
  /** The grant has changed, or the lease has ended (undefined). */
  changed(grant: Grant | undefined): void;
}

export type LeaseState = "selecting" | "requesting" | "bound" | "renewing" | "rebinding" | "ended";

/** The first tries come quickly, as the reference daemon's do. */
const FAST_TRIES = 4;
const FAST_PAUSE_MS = 2000;
const SLOW_PAUSE_MS = 4000;
const JITTER_MS = 1000;
/** A link that has just been set up passes nothing for a moment. */
const LINK_PAUSE_MS = 50;
/** RFC 2131 §4.4.5: the shortest pause between renewals. */
const RENEW_PAUSE_MS = 60_000;
/** setTimeout's limit is 2^31 ms. */
const LONGEST_SLEEP_MS = 24 * 3600 * 1000;
const MAXIMUM_SIZE = 1400;
const CLIENT_ID_LIMIT = 254;
const U32 = 0x1_0000_0000;

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

export class Lease {
  readonly spec: LeaseSpec;
  readonly #context: LeaseContext;
  #state: LeaseState = "selecting";
  #transport: Transport | undefined;
  #wakeAt: number;
  readonly #startedAt: number;
  #tries = 0;
  #transaction: number;
  #grant: Grant | undefined;
  #grantedAt = 0;
  /** The address and server of an offer that is being asked for. */
  #offer: Grant | undefined;
  #offeredAt = 0;
  #hardware = new Uint8Array(6);
  /** Of the server, or the relay before it. */
  #serverHardware: Uint8Array | undefined;
  #isSettled = false;

  constructor(spec: LeaseSpec, context: LeaseContext, now: number, resumed?: { grant: Grant; grantedAt: number }) {
    this.spec = spec;
    this.#context = context;
    this.#startedAt = now;
    this.#wakeAt = now;
    this.#transaction = this.#newTransaction();
    if (resumed === undefined) return;
    this.#isSettled = true;
    this.#bind(resumed.grant, resumed.grantedAt);
  }

  get state(): LeaseState {
    return this.#state;
  }

  get grant(): Grant | undefined {
    return this.#grant;
  }

  /** When the grant counts from, in the time that `turn` is given. */
  get grantedAt(): number {
    return this.#grantedAt;
  }

  /** Descriptor to be polled, while an answer is awaited. */
  get fd(): number | undefined {
    return this.#transport?.fd;
  }

  get wakeAt(): number {
    return Math.min(this.#wakeAt, this.#startedAt + Number.MAX_SAFE_INTEGER / 2);
  }

  /** Does what is due: reads answers, sends again, gives up. Never throws. */
  turn(now: number): void {
    if (this.#state === "ended") return;
    try {
      this.#read(now);
      if (now >= this.#wakeAt) this.#act(now);
    } catch (error) {
      // The namespace or the link can go at any moment. Whether it has, the next turn finds out.
      this.#context.log(`${this.spec.clientId}: ${errorText(error)}`);
      this.#pause(now);
    }
  }

  /** Gives the address back, if there is a way to say so. */
  release(): void {
    const grant = this.#grant;
    try {
      const link = grant === undefined ? undefined : this.#context.port.find();
      if (grant !== undefined && link !== undefined) this.#sendRelease(grant, link);
    } catch (error) {
      this.#context.log(`${this.spec.clientId}: not released: ${errorText(error)}`);
    }
    this.stop(new Error("the lease was released"));
  }

  #sendRelease({ address: { address }, server }: Grant, link: Link): void {
    this.#hardware = new Uint8Array(link.mac?.toBytes() ?? this.#hardware);
    const message = this.#message(MESSAGE_TYPE.release, address, [[OPTION.serverId, server.toBytes()]]);
    if (this.#serverHardware !== undefined) {
      this.#context.port.sendPacket(link, message, { from: address, to: server, hardware: this.#serverHardware });
      return;
    }
    this.#listen(() => this.#context.port.openUdp(address));
    this.#transport?.send(message, server);
  }

  /** Ends without a word to the server. */
  stop(reason: Error): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#closeTransport();
    this.#settle(reason);
    this.#grant = undefined;
    this.#context.changed(undefined);
  }

  #act(now: number): void {
    const link = this.#context.port.find();
    if (link === undefined) return this.stop(new Error("the interface is gone"));
    this.#hardware = new Uint8Array(link.mac?.toBytes() ?? new Uint8Array(6));
    if (this.#state === "selecting" || this.#state === "requesting") {
      if (now - this.#startedAt >= this.#context.patience.resendTimeout) return this.stop(new Error("no more tries"));
      if (!link.up || (link.carrier !== false && link.operState !== "up" && link.operState !== "unknown")) {
        this.#wakeAt = now + LINK_PAUSE_MS;
        return;
      }
      this.#listen(() => this.#context.port.openPacket(link));
      this.#ask(now);
      return;
    }
    this.#keep(now);
  }

  /** Sends DISCOVER, or REQUEST for what was offered; without an answer to that, begins anew. */
  #ask(now: number): void {
    if (this.#state === "requesting" && now - this.#offeredAt >= this.#context.patience.answerTimeout) {
      this.#state = "selecting";
      this.#transaction = this.#newTransaction();
    }
    const offer = this.#state === "requesting" ? this.#offer : undefined;
    const extra: [number, Uint8Array][] =
      offer === undefined
        ? []
        : [
            [OPTION.requestedAddress, offer.address.address.toBytes()],
            [OPTION.serverId, offer.server.toBytes()],
          ];
    const type = offer === undefined ? MESSAGE_TYPE.discover : MESSAGE_TYPE.request;
    this.#transport?.send(this.#message(type, NO_ADDRESS, extra, now), BROADCAST);
    this.#pause(now);
  }

  /** When to try again: quickly at first, then twice as late each time; a little earlier or later for each client. */
  #pause(now: number): void {
    if (this.#grant !== undefined) {
      this.#wakeAt = Math.min(now + RENEW_PAUSE_MS, this.#times().expire);
      return;
    }
    const { resendMax, resendTimeout } = this.#context.patience;
    const slow = SLOW_PAUSE_MS * 2 ** Math.max(this.#tries - FAST_TRIES, 0);
    const pause = this.#tries < FAST_TRIES ? FAST_PAUSE_MS : Math.min(slow, resendMax);
    this.#tries++;
    const jitter = (this.#context.random() * 2 - 1) * JITTER_MS;
    this.#wakeAt = Math.min(now + Math.max(pause + jitter, LINK_PAUSE_MS), this.#startedAt + resendTimeout);
  }

  #times(): { renew: number; rebind: number; expire: number } {
    const { renewAfter, rebindAfter, expireAfter } = this.#grant!;
    const at = (seconds: number): number => this.#grantedAt + seconds * 1000;
    return { renew: at(renewAfter), rebind: at(rebindAfter), expire: at(expireAfter) };
  }

  /** Renews in time: asks the server, later every server; without an answer the address must not be used any more. */
  #keep(now: number): void {
    const grant = this.#grant!;
    const { renew, rebind, expire } = this.#times();
    if (now >= expire) return this.#expire("the lease has expired");
    if (now < renew) {
      this.#wakeAt = Math.min(renew, now + LONGEST_SLEEP_MS);
      return;
    }
    const isRebinding = now >= rebind;
    if (this.#state === "bound" || (isRebinding && this.#state === "renewing")) {
      this.#transaction = this.#newTransaction();
      this.#state = isRebinding ? "rebinding" : "renewing";
    }
    const address = grant.address.address;
    this.#listen(() => this.#context.port.openUdp(isRebinding ? NO_ADDRESS : address));
    this.#transport?.send(
      this.#message(MESSAGE_TYPE.request, address, [], now),
      isRebinding ? BROADCAST : grant.server,
    );
    // RFC 2131 §4.4.5: after half of the time that is left.
    const until = isRebinding ? expire : rebind;
    this.#wakeAt = Math.min(now + Math.max((until - now) / 2, Math.min(RENEW_PAUSE_MS, until - now)), until);
  }

  #expire(why: string): void {
    this.#context.log(`${this.spec.clientId}: ${why}: its interface is set down`);
    try {
      this.#context.port.takeDown();
    } catch (error) {
      this.#context.log(`${this.spec.clientId}: ${errorText(error)}`);
    }
    this.stop(new Error(why));
  }

  #read(now: number): void {
    for (;;) {
      const bytes = this.#transport?.receive();
      if (bytes === undefined) return;
      const message = decodeMessage(bytes);
      if (message === undefined || message.op !== 2 || message.transaction !== this.#transaction) continue;
      if (!message.hardware.every((octet, at) => octet === this.#hardware[at])) continue;
      this.#take(message, now);
    }
  }

  #take(message: DhcpMessage, now: number): void {
    const type = messageType(message);
    if (type === MESSAGE_TYPE.nak) {
      if (this.#state === "selecting") return;
      const why = textOption(message.options, OPTION.message) ?? "no reason given";
      if (this.#grant !== undefined) return this.#expire(`the server refuses the address (${why})`);
      this.#context.log(`${this.spec.clientId}: the server takes its offer back (${why})`);
      this.#state = "selecting";
      this.#transaction = this.#newTransaction();
      this.#wakeAt = now + LINK_PAUSE_MS;
      return;
    }
    const isOffer = type === MESSAGE_TYPE.offer && this.#state === "selecting";
    const isAck = type === MESSAGE_TYPE.ack && this.#state !== "selecting" && this.#state !== "bound";
    if (!isOffer && !isAck) return;
    const grant = readGrant(message);
    if (typeof grant === "string") {
      this.#context.log(`${this.spec.clientId}: ${grant}`);
      return;
    }
    if (isOffer) {
      this.#offer = grant;
      this.#offeredAt = now;
      this.#state = "requesting";
      this.#tries = 0;
      this.#ask(now);
      return;
    }
    if (this.#grant !== undefined && !grant.address.equals(this.#grant.address)) {
      this.#expire(`the server gives ${grant.address.toString()} instead of ${this.#grant.address.toString()}`);
      return;
    }
    this.#bind(grant, now);
    this.#context.changed(grant);
    this.#settle(grant);
  }

  #bind(grant: Grant, grantedAt: number): void {
    this.#serverHardware = this.#transport?.sender ?? this.#serverHardware;
    this.#closeTransport();
    this.#grant = grant;
    this.#grantedAt = grantedAt;
    this.#state = "bound";
    this.#wakeAt = Math.min(this.#times().renew, grantedAt + LONGEST_SLEEP_MS);
  }

  #settle(outcome: Grant | Error): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#context.settled(outcome);
  }

  #message(type: number, address: Address, extra: readonly [number, Uint8Array][], now = this.#startedAt): Uint8Array {
    const id = new TextEncoder().encode(this.spec.clientId).subarray(0, CLIENT_ID_LIMIT);
    const options = new Map<number, Uint8Array>([
      [OPTION.messageType, Uint8Array.of(type)],
      [OPTION.clientId, Uint8Array.of(0, ...id)],
      ...extra,
    ]);
    if (type !== MESSAGE_TYPE.release) {
      options.set(OPTION.maximumSize, u16(MAXIMUM_SIZE));
      if (this.spec.requested.length > 0) options.set(OPTION.parameterList, Uint8Array.from(this.spec.requested));
      for (const [code, value] of this.spec.provided) options.set(code, value);
    }
    const hasAddress = !address.equals(NO_ADDRESS);
    return encodeMessage({
      op: 1,
      transaction: this.#transaction,
      seconds: Math.floor((now - this.#startedAt) / 1000),
      broadcast: this.#context.patience.broadcast && !hasAddress,
      clientAddress: address,
      yourAddress: NO_ADDRESS,
      hardware: this.#hardware,
      options,
    });
  }

  /** A transport for the state that is beginning; the one there is goes on where it fits. */
  #listen(open: () => Transport): void {
    if (this.#transport !== undefined && (this.#state === "selecting" || this.#state === "requesting")) return;
    this.#closeTransport();
    this.#transport = open();
  }

  #closeTransport(): void {
    this.#transport?.close();
    this.#transport = undefined;
  }

  #newTransaction(): number {
    return Math.floor(this.#context.random() * U32);
  }
}
