// One client's connection: greeted at once, then its request is collected, however it comes in pieces.
import { errnoText } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import { LENGTH_SIZE, requestSize } from "./protocol.ts";

const MSG_NOSIGNAL = 0x4000;
const EAGAIN = 11;
const POLLOUT = 4;
const POLLRDHUP = 0x2000;
/** A client that does not take its answer: it is stopped, and nobody else shall wait for it long. */
const ANSWER_PATIENCE_MS = 1000;

/** Where requests arrive: most fit whole. Shared, as each is read in one turn or copied. */
const scratch = new Uint8Array(256 << 10);

export class Connection {
  readonly fd: number;
  /** Milliseconds of performance.now(): when a client that says nothing is given up. */
  readonly deadline: number;
  readonly #sys: Sys;
  #collected: Uint8Array | undefined;
  #length = 0;

  constructor(sys: Sys, fd: number, deadline: number) {
    this.#sys = sys;
    this.fd = fd;
    this.deadline = deadline;
  }

  /** Whether all could be sent. */
  send(data: Uint8Array): boolean {
    let rest = data;
    while (rest.length > 0) {
      const sent = this.#sys.send(this.fd, rest, MSG_NOSIGNAL);
      if (sent > 0) rest = rest.subarray(sent);
      else if (sent !== -EAGAIN) return false;
      else if (this.#sys.poll([{ fd: this.fd, events: POLLOUT, revents: 0 }], ANSWER_PATIENCE_MS) === 0) return false;
    }
    return true;
  }

  /**
   * Reads what has come. Gives the request once it is whole, which is valid until the next connection is read; undefined
   * while more is to come; or why there will be none.
   */
  receive(): Uint8Array | string | undefined {
    const room = this.#collected?.subarray(this.#length) ?? scratch;
    const got = this.#sys.receive(this.fd, room, 0);
    if (got === -EAGAIN) return undefined;
    if (got < 0) return `its request cannot be read: ${errnoText(-got)}`;
    if (got === 0) return this.#length === 0 ? "it went without a request" : "it went in the middle of its request";
    this.#length += got;
    if (this.#collected !== undefined) {
      return this.#length === this.#collected.length ? this.#collected : undefined;
    }
    // A client sends all at once: the first bytes have the length with them, or it is none of ours.
    const size = this.#length < LENGTH_SIZE ? undefined : requestSize(scratch);
    if (size === undefined || this.#length > size) return "it sent what is no request";
    if (this.#length === size) return scratch.subarray(0, size);
    this.#collected = new Uint8Array(size);
    this.#collected.set(scratch.subarray(0, this.#length));
    return undefined;
  }

  /** Whether the client has gone: it never closes its side before it has the answer. */
  isGone(): boolean {
    const entry = { fd: this.fd, events: POLLRDHUP, revents: 0 };
    return this.#sys.poll([entry], 0) > 0;
  }

  close(): void {
    this.#sys.close(this.fd);
  }
}
