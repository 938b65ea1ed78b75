// One client's connection. A client speaks at once and says all it has, so that reading may block: one that is stopped
// halfway is given up.
import { errnoText } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import { LENGTH_SIZE, requestSize } from "./protocol.ts";

const MSG_NOSIGNAL = 0x4000;
const POLLRDHUP = 0x2000;
/** asm-generic/socket.h; the value is a struct timeval of two 64-bit words. */
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
/** As long as a client is patient with us. */
const PATIENCE = new Uint8Array(new BigInt64Array([2n, 0n]).buffer);

/** Where requests arrive; nearly all fit. */
const scratch = new Uint8Array(256 << 10);

export class Connection implements Disposable {
  readonly #sys: Sys;
  readonly #fd: number;

  constructor(sys: Sys, fd: number) {
    this.#sys = sys;
    this.#fd = fd;
    for (const option of [SO_RCVTIMEO, SO_SNDTIMEO]) sys.setsockopt(fd, SOL_SOCKET, option, PATIENCE);
  }

  /** The user at the other end. */
  get user(): number {
    return this.#sys.peerUser(this.#fd);
  }

  /** Whether all could be sent. */
  send(data: Uint8Array): boolean {
    let rest = data;
    while (rest.length > 0) {
      const sent = this.#sys.send(this.#fd, rest, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      rest = rest.subarray(sent);
    }
    return true;
  }

  /** The request, valid until the next one is received; or why there is none. */
  receive(): { readonly bytes: Uint8Array } | { readonly reason: string } {
    let [target, length] = [scratch, 0];
    for (;;) {
      const got = this.#sys.receive(this.#fd, target.subarray(length), 0);
      if (got < 0) return { reason: `reading the request failed: ${errnoText(-got)}` };
      if (got === 0) return { reason: length === 0 ? "it wants nothing" : "it ended in the middle of its request" };
      length += got;
      // A client's first bytes have the length with them, or they are no request.
      const size = length < LENGTH_SIZE ? undefined : requestSize(target);
      if (size === undefined || length > size) return { reason: "it sent what is no request" };
      if (length === size) return { bytes: target.subarray(0, size) };
      if (size > target.length) {
        const larger = new Uint8Array(size);
        larger.set(target.subarray(0, length));
        target = larger;
      }
    }
  }

  /** Whether the client has gone: it never closes its side before it has the answer. */
  isGone(): boolean {
    return this.#sys.poll([{ fd: this.#fd, events: POLLRDHUP, revents: 0 }], 0) > 0;
  }

  [Symbol.dispose](): void {
    this.#sys.close(this.#fd);
  }
}
