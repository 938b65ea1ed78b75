// Echo probes over the package raw-socket, of which this is the only importer. It is loaded at the first use, as few runs
// of Loden probe anything.
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { LodenError, errorText } from "#spec/errors";
import { ICMP, decodeAnswer, encodeEchoRequest, failureText } from "./icmp.ts";
import type { IcmpFailure } from "./icmp.ts";
import { Address } from "./ip/address.ts";
import type { Family } from "./ip/address.ts";
import { Errno } from "./sys.ts";
import type { Sys } from "./sys.ts";

export interface ProbeOptions {
  /** How long to wait for the answer. */
  readonly timeoutMs: number;
  /** Hops that the request may take; the kernel's default unless said. */
  readonly ttl?: number;
  /** Bytes behind the ICMP header: 56 unless said, as ping(8) sends, and 8 at least. */
  readonly size?: number;
  /** No router may cut the request, nor this host: what is known of the path is left out of account. Default false. */
  readonly wholeOnly?: boolean;
  readonly signal?: AbortSignal;
}

/** A probe got no reply: none in time, or an ICMP error in its place. */
export class ProbeError extends LodenError {
  readonly reason: "timeout" | "not-sent" | IcmpFailure;

  constructor(target: Address, reason: ProbeError["reason"], text: string, cause?: unknown) {
    super("ERR_PROBE", `no reply from ${target.toString()}: ${text}`, {
      ...(cause === undefined ? {} : { cause }),
      fields: { target: target.toString(), reason },
    });
    this.reason = reason;
  }
}

/** Sends echo requests from the network namespace it was opened in. It keeps the event loop alive until closed. */
export interface Prober extends Disposable {
  readonly family: Family;
  /**
   * Milliseconds that an echo request and its reply took.
   * @throws ProbeError; the signal's reason when aborted
   */
  probe(target: Address, options: ProbeOptions): Promise<number>;
  /** Probes under way fail. */
  close(): void;
}

/**
 * Opens a prober in the calling thread's network namespace.
 * @throws LodenError ERR_PRIVILEGE without CAP_NET_RAW, ERR_MISSING_TOOL when raw-socket cannot be loaded
 */
export function openProber(sys: Sys, family: Family): Prober {
  return new RawProber(sys, family);
}

/** What is used of raw-socket; it comes without types. */
interface RawSocket {
  on(event: "message", listener: (packet: Buffer, source: string) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  send(
    packet: Buffer,
    offset: number,
    length: number,
    address: string,
    before: () => void,
    after: (error: Error | null) => void,
  ): void;
  setOption(level: number, option: number, value: number): void;
  setOption(level: number, option: number, value: Buffer, length: number): void;
  close(): void;
}

interface RawSocketModule {
  createSocket(options: { protocol: number; addressFamily: number; bufferSize: number }): RawSocket;
}

const IP_NUMBERS = {
  // protocol: IPPROTO_ICMP(V6); addressFamily: raw-socket's own numbers; hops: IP_TTL, IPV6_UNICAST_HOPS; whole: IP_MTU_DISCOVER,
  // IPV6_MTU_DISCOVER.
  4: { protocol: 1, addressFamily: 1, level: 0, hopsOption: 2, wholeOption: 10 },
  6: { protocol: 58, addressFamily: 2, level: 41, hopsOption: 16, wholeOption: 23 },
} as const;

/** linux/in.h, in6.h: IP_PMTUDISC_WANT, the default, and IP_PMTUDISC_PROBE. */
const PMTUDISC = { want: 1, probe: 3 } as const;

/** setsockopt's -1 as raw-socket takes it: back to the kernel's default. */
const DEFAULT_HOPS = 0xffff_ffff;
const DEFAULT_SIZE = 56;
/** The head of every payload, by which a prober knows its own among the replies that every raw socket gets. */
const NONCE_SIZE = 8;
/** What IPv4 carries at most: 65,535 less 20 of IP and 8 of ICMP. */
const MAX_SIZE = 65_507;
/** Only the head of a packet is looked at; raw sockets drop the rest of a longer one. */
const BUFFER_SIZE = 2048;

interface Pending {
  readonly target: Address;
  sentAt: number;
  settle(roundTrip: number): void;
  fail(error: unknown): void;
}

class RawProber implements Prober {
  readonly family: Family;
  readonly #socket: RawSocket;
  readonly #identifier: number;
  readonly #nonce = randomBytes(NONCE_SIZE);
  readonly #pending = new Map<number, Pending>();
  #sequence = 0;
  #hops = DEFAULT_HOPS;
  #isWholeOnly = false;
  #isClosed = false;

  constructor(sys: Sys, family: Family) {
    this.family = family;
    this.#identifier = this.#nonce.readUInt16BE(0);
    const { protocol, addressFamily } = IP_NUMBERS[family];
    try {
      this.#socket = loadRawSocket().createSocket({ protocol, addressFamily, bufferSize: BUFFER_SIZE });
    } catch (error) {
      if (error instanceof LodenError) throw error;
      const text = `no permission for raw ICMP sockets (${errorText(error)}): run as root or with CAP_NET_RAW`;
      throw new LodenError("ERR_PRIVILEGE", text, { cause: error });
    }
    closeOnExec(sys, protocol);
    this.#socket.on("message", (packet, source) => this.#onPacket(packet, source));
    this.#socket.on("error", (error) => this.#failAll("not-sent", errorText(error), error));
    filterTypes(this.#socket, family);
  }

  probe(target: Address, options: ProbeOptions): Promise<number> {
    const { timeoutMs, ttl, size = DEFAULT_SIZE, wholeOnly = false, signal } = options;
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      checkProbe(this.family, target, size, ttl);
      if (this.#isClosed) throw new ProbeError(target, "not-sent", "the prober is closed");
      const sequence = this.#freeSequence(target);
      const onAbort = (): void => pending.fail(signal?.reason);
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.#pending.delete(sequence);
      };
      const pending: Pending = {
        target,
        sentAt: performance.now(),
        settle: (roundTrip) => {
          end();
          resolve(roundTrip);
        },
        fail: (error) => {
          end();
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        pending.fail(new ProbeError(target, "timeout", `none came within ${timeoutMs} ms`));
      }, timeoutMs);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#pending.set(sequence, pending);
      this.#send(pending, sequence, size, { hops: ttl ?? DEFAULT_HOPS, wholeOnly });
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#failAll("not-sent", "the prober was closed");
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #send(pending: Pending, sequence: number, size: number, how: { hops: number; wholeOnly: boolean }): void {
    const payload = new Uint8Array(size);
    payload.set(this.#nonce);
    const packet = Buffer.from(encodeEchoRequest(this.family, { identifier: this.#identifier, sequence }, payload));
    const before = (): void => {
      this.#setHops(how.hops);
      this.#setWholeOnly(how.wholeOnly);
      pending.sentAt = performance.now();
    };
    const after = (error: Error | null): void => {
      if (error === null) return;
      later(() => pending.fail(new ProbeError(pending.target, "not-sent", errorText(error), error)));
    };
    this.#socket.send(packet, 0, packet.length, pending.target.toString(), before, after);
  }

  #setHops(hops: number): void {
    if (hops === this.#hops) return;
    const { level, hopsOption } = IP_NUMBERS[this.family];
    this.#socket.setOption(level, hopsOption, hops);
    this.#hops = hops;
  }

  #setWholeOnly(wholeOnly: boolean): void {
    if (wholeOnly === this.#isWholeOnly) return;
    const { level, wholeOption } = IP_NUMBERS[this.family];
    this.#socket.setOption(level, wholeOption, wholeOnly ? PMTUDISC.probe : PMTUDISC.want);
    this.#isWholeOnly = wholeOnly;
  }

  #onPacket(packet: Buffer, source: string): void {
    const now = performance.now();
    const answer = decodeAnswer(this.family, packet);
    if (answer === undefined || answer.echo.identifier !== this.#identifier) return;
    const pending = this.#pending.get(answer.echo.sequence);
    if (pending === undefined) return;
    if (answer.kind === "reply") {
      if (!this.#nonce.equals(answer.payload.subarray(0, NONCE_SIZE))) return;
      later(() => pending.settle(now - pending.sentAt));
    } else {
      const text = failureText(answer.failure, answer.code, Address.tryParse(source));
      later(() => pending.fail(new ProbeError(pending.target, answer.failure, text)));
    }
  }

  #failAll(reason: "not-sent", text: string, cause?: unknown): void {
    for (const pending of this.#pending.values()) {
      later(() => pending.fail(new ProbeError(pending.target, reason, text, cause)));
    }
  }

  #freeSequence(target: Address): number {
    for (let tries = 0; tries <= 0xffff; tries++) {
      this.#sequence = (this.#sequence + 1) & 0xffff;
      if (!this.#pending.has(this.#sequence)) return this.#sequence;
    }
    throw new ProbeError(target, "not-sent", "65,536 probes are under way");
  }
}

/**
 * raw-socket calls back straight from libuv, where no promise goes on before some other event comes: so promises are
 * settled in a callback of the event loop's own.
 */
function later(settle: () => void): void {
  setImmediate(settle);
}

function checkProbe(family: Family, target: Address, size: number, ttl: number | undefined): void {
  if (target.family !== family) {
    throw new LodenError("ERR_USAGE", `${target.toString()} is no IPv${family} address, for which this prober is`);
  }
  if (!Number.isInteger(size) || size < NONCE_SIZE || size > MAX_SIZE) {
    throw new LodenError("ERR_USAGE", `the probe size ${size} is not between ${NONCE_SIZE} and ${MAX_SIZE} bytes`);
  }
  if (ttl !== undefined && (!Number.isInteger(ttl) || ttl < 1 || ttl > 255)) {
    throw new LodenError("ERR_USAGE", `the probe ttl ${ttl} is not between 1 and 255 hops`);
  }
}

let rawSocket: RawSocketModule | undefined;

function loadRawSocket(): RawSocketModule {
  try {
    const require = createRequire(import.meta.url);
    rawSocket ??= require("raw-socket") as RawSocketModule;
    return rawSocket;
  } catch (error) {
    const text = `the native module raw-socket cannot be loaded (${errorText(error)}): run npm install`;
    throw new LodenError("ERR_MISSING_TOOL", text, { cause: error });
  }
}

/** Lets only answers through: icmp(7) ICMP_FILTER, RFC 3542 section 3.2. A set bit blocks its type. */
function filterTypes(socket: RawSocket, family: Family): void {
  const mask = new Uint32Array(family === 4 ? 1 : 8).fill(0xffff_ffff);
  for (const type of [ICMP[family].echoReply, ...ICMP[family].errors.keys()]) {
    mask[type >>> 5] = mask[type >>> 5]! & ~(1 << (type & 31));
  }
  const bytes = Buffer.from(mask.buffer);
  const [level, option] = family === 4 ? [SOL_RAW, ICMP_FILTER] : [IP_NUMBERS[6].protocol, ICMP6_FILTER];
  socket.setOption(level, option, bytes, bytes.length);
}

const SOL_RAW = 255;
const ICMP_FILTER = 1;
const ICMP6_FILTER = 1;

const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_PROTOCOL = 38;
const SOCK_RAW = 3;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/**
 * raw-socket neither sets FD_CLOEXEC nor tells its descriptor. No child process is to hold a raw socket, so every one of
 * this process for the protocol is marked.
 */
function closeOnExec(sys: Sys, protocol: number): void {
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    try {
      if (sys.getsockopt(fd, SOL_SOCKET, SO_TYPE) !== SOCK_RAW) continue;
      if (sys.getsockopt(fd, SOL_SOCKET, SO_PROTOCOL) === protocol) sys.fcntl(fd, F_SETFD, FD_CLOEXEC);
    } catch (error) {
      // No socket, or the descriptor of the listing itself, closed by now.
      if (!(error instanceof Errno)) throw error;
    }
  }
}
