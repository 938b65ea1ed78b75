// Netlink notifications on Node's event loop: a multicast socket polled by libuv itself (koffi.node.poll wraps uv_poll_t),
// so that nothing waits, spins or needs a thread. Node only: the executables of the plugins never import this file.
import { node } from "koffi";
import { LodenError } from "#spec/errors";
import type { Sys } from "../sys.ts";
import {
  AF_NETLINK,
  EAGAIN,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_ROUTE,
  SOCK_RAW,
  SOL_NETLINK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
} from "./constants.ts";
import { netlinkAddress, portIdOf, setBufferSize } from "./endpoint.ts";
import { decodeMessages } from "./wire.ts";
import type { ReceivedMessage } from "./wire.ts";

/** Room for some ten thousand notifications between two turns of the event loop. */
const RECEIVE_BUFFER = 8 << 20;
/** No notification of the kernel's is near this size. */
const DATAGRAM_SIZE = 64 << 10;
/** Datagrams read in one turn of the event loop, so that a storm leaves time for others. */
const DATAGRAMS_PER_TURN = 1024;

export interface WatchOptions {
  /** NETLINK_ROUTE unless said. */
  readonly protocol?: number;
}

/**
 * Listens to multicast groups (RTNLGRP_…, NFNLGRP_…) in the calling thread's network namespace, for as long as it is not
 * disposed of; disposing within a callback is fine, and none comes afterwards. The watch keeps the event loop alive.
 *
 * @param onMessages gets what came in since the last call, in order, never an empty list.
 * @param onOverrun is called when notifications were lost or could not be read: what is known is out of date, dump again.
 * @throws LodenError ERR_SYSCALL, for a group that needs a capability we lack or does not exist
 */
export function watchNetlink(
  sys: Sys,
  groups: readonly number[],
  onMessages: (messages: ReceivedMessage[]) => void,
  onOverrun: () => void,
  options: WatchOptions = {},
): Disposable {
  return new NetlinkWatch(openMulticast(sys, groups, options.protocol ?? NETLINK_ROUTE), sys, onMessages, onOverrun);
}

function openMulticast(sys: Sys, groups: readonly number[], protocol: number): number {
  const fd = sys.socket(AF_NETLINK, SOCK_RAW, protocol);
  try {
    setBufferSize(sys, fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER);
    sys.bind(fd, netlinkAddress());
    for (const group of groups) sys.setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
    return fd;
  } catch (error) {
    sys.close(fd);
    throw error;
  }
}

class NetlinkWatch implements Disposable {
  readonly #fd: number;
  readonly #sys: Sys;
  readonly #onMessages: (messages: ReceivedMessage[]) => void;
  readonly #onOverrun: () => void;
  readonly #poll: node.PollHandle;
  readonly #buffer = new Uint8Array(DATAGRAM_SIZE);
  #turn: NodeJS.Immediate | undefined;
  #isDisposed = false;

  constructor(fd: number, sys: Sys, onMessages: (messages: ReceivedMessage[]) => void, onOverrun: () => void) {
    this.#fd = fd;
    this.#sys = sys;
    this.#onMessages = onMessages;
    this.#onOverrun = onOverrun;
    this.#poll = node.poll(fd, this.#onReady);
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    clearImmediate(this.#turn);
    // libuv lets go of the descriptor at once and of its handle in the next turn.
    this.#poll.close();
    this.#sys.close(this.#fd);
  }

  // libuv calls this outside of any JavaScript: no promise would go on and no error be heard of. So the work is done a
  // moment later, in a callback of the event loop's own, once for all that is ready by then.
  readonly #onReady = (): void => {
    if (!this.#isDisposed) this.#turn ??= setImmediate(this.#read);
  };

  readonly #read = (): void => {
    this.#turn = undefined;
    const messages: ReceivedMessage[] = [];
    let lost = false;
    for (let count = 0; count < DATAGRAMS_PER_TURN; count++) {
      const { length, from } = this.#sys.receiveFrom(this.#fd, this.#buffer, MSG_TRUNC | MSG_DONTWAIT);
      if (length === -EAGAIN) break;
      if (length < 0) {
        // ENOBUFS: the buffer overflowed. Anything else (ENOMEM) loses as much.
        lost = true;
      } else if (portIdOf(from) === 0) {
        // Only the kernel is believed.
        lost = !this.#decode(length, messages) || lost;
      }
    }
    // On an error of the socket, which an overrun is, libuv stops polling.
    this.#poll.start(this.#onReady);
    if (messages.length > 0) this.#onMessages(messages);
    // Last, as a dump made now is newer than every message before. A callback may have disposed of the watch.
    if (lost && !this.#isDisposed) this.#onOverrun();
  };

  /** Adds a datagram's messages; false when it cannot be read. */
  #decode(length: number, messages: ReceivedMessage[]): boolean {
    if (length > this.#buffer.length) return false;
    try {
      messages.push(...decodeMessages(this.#buffer.slice(0, length)));
      return true;
    } catch (error) {
      if (error instanceof LodenError) return false;
      throw error;
    }
  }
}
