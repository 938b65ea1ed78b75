// A synchronous netlink socket: requests, batches and dumps with the care that RFC 3549 and
// Documentation/userspace-api/netlink/intro.rst ask for. The kernel handles a request within send(2), so that answers
// are there when send returns and nothing here waits but in odd cases.
import { LodenError } from "#spec/errors";
import { orThrow } from "../sys.ts";
import type { PollEntry, Sys } from "../sys.ts";
import {
  AF_NETLINK,
  EAGAIN,
  EBUSY,
  EINTR,
  ENOBUFS,
  ENOPROTOOPT,
  ETIMEDOUT,
  MSG_DONTWAIT,
  MSG_PEEK,
  MSG_TRUNC,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  NLMSG_OVERRUN,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  POLLIN,
  SOCK_RAW,
  SOL_NETLINK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
} from "./constants.ts";
import { isErrno, netlinkAddress, portIdOf, setBufferSize } from "./endpoint.ts";
import { NetlinkError, decodeAck, decodeDone } from "./error.ts";
import { decodeError, decodeMessages, encodeMessages, messageSize } from "./wire.ts";
import type { Message, ReceivedMessage } from "./wire.ts";

/**
 * Bytes asked for before the first batch that is larger than small; the kernel doubles them. Only a limit: memory is taken as
 * messages queue up. A dump waits for its reader, so that any buffer will do.
 */
const RECEIVE_BUFFER = 4 << 20;
const SEND_BUFFER = 1 << 20;
/** Messages and bytes that fit the buffers of any machine (net.core.rmem_default and wmem_default, 208 KiB unless changed). */
const SMALL_BATCH = 16;
const SMALL_BYTES = 8 << 10;
/**
 * What one queued acknowledgement may count for in the receive buffer: its bytes are few, but the kernel counts the
 * whole allocation, 768 to 1280 bytes as of Linux 6.18.
 */
const ACK_COST = 2048;
/** The kernel refuses a send larger than the send buffer less 32 bytes (netlink_sendmsg). */
const SEND_OVERHEAD = 32;
/** Times a dump begins anew because what it reads was changing. */
const DUMP_ATTEMPTS = 16;
/**
 * Milliseconds for an answer that is not there when send returns; one that comes later never will. Everything else of the
 * process waits as well, so that a kernel that has kept silent once is given next to nothing until it answers again.
 */
const ANSWER_TIMEOUT = 1_000;
const SILENT_TIMEOUT = 10;

/** linux/sockios.h; struct ifreq of linux/if.h, and IFNAMSIZ without the final zero. */
const SIOCGIFINDEX = 0x8933;
const IFREQ_SIZE = 40;
const IFREQ_INDEX = 16;
const IFNAME_LIMIT = 15;
const ENODEV = 19;

/** Sequence numbers have 32 bits; 0 is that of notifications. */
const LAST_SEQUENCE = 0xffff_ffff;

/** Datagrams of 8 to 32 KiB: more than any dump has. */
const MAX_DRAIN = 1 << 16;

/** Where datagrams arrive; shared, as each is copied out before the next. It grows to the largest seen. */
let scratch = new Uint8Array(64 << 10);
const NOTHING = new Uint8Array(0);

/** Messages of a dump that list nothing. */
const CONTROL: ReadonlySet<number> = new Set([NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, NLMSG_OVERRUN]);

interface DumpAnswer {
  readonly datagrams: readonly Uint8Array[];
  readonly sequence: number;
}

export class NetlinkSocket implements Disposable {
  readonly #sys: Sys;
  #fd: number;
  readonly #portId: number;
  #sequence = 1;
  /** The last answer that was waited for never came. */
  #isSilent = false;
  /** Messages and bytes of one send, such that neither buffer overflows. */
  #chunkMessages = SMALL_BATCH;
  #chunkBytes = SMALL_BYTES;
  #isEnlarged = false;

  /** A socket in the calling thread's network namespace; it stays there when the thread leaves. */
  static open(sys: Sys, protocol: number = NETLINK_ROUTE): NetlinkSocket {
    const fd = sys.socket(AF_NETLINK, SOCK_RAW, protocol);
    try {
      return new NetlinkSocket(sys, fd);
    } catch (error) {
      sys.close(fd);
      throw error;
    }
  }

  private constructor(sys: Sys, fd: number) {
    this.#sys = sys;
    this.#fd = fd;
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
      try {
        sys.setsockopt(fd, SOL_NETLINK, option, 1);
      } catch (error) {
        // A kernel older than the option: errors have no text then, and dumps are filtered by us alone.
        if (!isErrno(error, ENOPROTOOPT)) throw error;
      }
    }
    sys.bind(fd, netlinkAddress());
    // Connected to the kernel, the socket takes no unicast from another process.
    sys.connect(fd, netlinkAddress());
    const portId = portIdOf(sys.getsockname(fd));
    if (portId === undefined) throw decodeError("no address for a netlink socket");
    this.#portId = portId;
  }

  /**
   * Sends one request and gives what the kernel answers before it acknowledges: nothing to a change, the object to a
   * GET.
   * @throws NetlinkError when the kernel refuses.
   */
  request(message: Message): ReceivedMessage[] {
    if (messageSize(message) > SMALL_BYTES) this.#enlarge();
    const replies: ReceivedMessage[] = [];
    const [outcome] = this.#exchange([message], replies);
    if (outcome !== undefined) throw outcome;
    return replies;
  }

  /**
   * Sends many requests in as few system calls as the buffers allow. The kernel carries them out in order, and one
   * that fails stops no other. One outcome per message, in order: undefined for success, and for the errno that counts
   * as one where it is given.
   */
  batch(messages: readonly Message[], tolerated = 0): (NetlinkError | undefined)[] {
    if (messages.length > SMALL_BATCH) this.#enlarge();
    const outcomes: (NetlinkError | undefined)[] = [];
    let start = 0;
    while (start < messages.length) {
      let bytes = 0;
      let end = start;
      while (end < messages.length && end - start < this.#chunkMessages) {
        bytes += messageSize(messages[end]!);
        if (bytes > this.#chunkBytes) this.#enlarge();
        if (bytes > this.#chunkBytes && end > start) break;
        end++;
      }
      outcomes.push(...this.#exchange(messages.slice(start, end), undefined, tolerated));
      start = end;
    }
    return outcomes;
  }

  /**
   * Everything the kernel lists for a GET request, as of one moment: a dump during which the kernel's tables changed is
   * made again.
   * @throws NetlinkError when the kernel refuses, or EINTR when the tables never held still.
   */
  dump(message: Message): ReceivedMessage[] {
    return [...this.stream(message)];
  }

  /**
   * As dump, with one message in hand at a time: what is made of each can be let go of before the next one, which a list of
   * many thousand would not allow. The kernel has been asked when this returns.
   */
  stream(message: Message): Generator<ReceivedMessage> {
    for (let attempt = 1; ; attempt++) {
      const answer = this.#dumpOnce(message);
      if (!(answer instanceof NetlinkError)) return this.#parts(answer);
      if (attempt === DUMP_ATTEMPTS) throw answer;
    }
  }

  /** What notifications of its changes bear (nlmsg_pid), of the kinds of which the kernel tells who asked. */
  get portId(): number {
    return this.#portId;
  }

  /**
   * The index of the link of this name in the socket's namespace. The one question that does not wait for the kernel's lock,
   * which every request takes and which others may hold for milliseconds (netdevice(7), SIOCGIFINDEX).
   */
  linkIndex(name: string): number | undefined {
    const request = new Uint8Array(IFREQ_SIZE);
    const { written } = new TextEncoder().encodeInto(name, request.subarray(0, IFNAME_LIMIT));
    if (written === 0) return undefined;
    try {
      this.#sys.ioctl(this.#fd, SIOCGIFINDEX, request);
      return new DataView(request.buffer).getInt32(IFREQ_INDEX, true);
    } catch (error) {
      if (isErrno(error, ENODEV)) return undefined;
      throw error;
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    this.#sys.close(this.#fd);
    // Never the number of a descriptor that somebody else has opened since.
    this.#fd = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Buffers for large batches, which most sockets never see. */
  #enlarge(): void {
    if (this.#isEnlarged || this.#fd < 0) return;
    this.#isEnlarged = true;
    const receiveBuffer = setBufferSize(this.#sys, this.#fd, SO_RCVBUFFORCE, SO_RCVBUF, RECEIVE_BUFFER);
    const sendBuffer = setBufferSize(this.#sys, this.#fd, SO_SNDBUFFORCE, SO_SNDBUF, SEND_BUFFER);
    this.#chunkMessages = Math.max(1, Math.floor(receiveBuffer / ACK_COST));
    this.#chunkBytes = sendBuffer - SEND_OVERHEAD;
  }

  /** Sends messages that fit the buffers and collects an outcome for each; other answers go to `replies`. */
  #exchange(messages: readonly Message[], replies?: ReceivedMessage[], tolerated = 0): (NetlinkError | undefined)[] {
    const first = this.#takeSequences(messages.length);
    const sent = this.#send(messages, NLM_F_REQUEST | NLM_F_ACK, first);
    if (sent < 0) return messages.map(() => new NetlinkError(-sent));

    const outcomes = messages.map((): NetlinkError | undefined => undefined);
    const isOpen = messages.map(() => true);
    let open = messages.length;
    let lost = false;
    while (open > 0) {
      // The kernel answers in order: once the last answer is there, none is still to come.
      const datagram = this.#receive(replies !== undefined, !lost && isOpen[messages.length - 1]!);
      if (typeof datagram === "number") {
        if (datagram === ENOBUFS) {
          // What is queued can still be read; what did not fit is gone.
          lost = true;
          continue;
        }
        const errno = datagram !== EAGAIN ? datagram : lost ? ENOBUFS : ETIMEDOUT;
        const text = "the kernel's answer is lost, so the change may have been made or not";
        return outcomes.map((outcome, index) => (isOpen[index]! ? new NetlinkError(errno, { text }) : outcome));
      }
      for (const message of this.#ours(datagram)) {
        const index = message.sequence - first;
        if (isOpen[index] !== true) continue;
        if (message.type === NLMSG_ERROR) {
          outcomes[index] = decodeAck(message, tolerated);
          isOpen[index] = false;
          open--;
        } else if (message.type !== NLMSG_NOOP && message.type !== NLMSG_DONE) {
          replies?.push(message);
        }
      }
    }
    return outcomes;
  }

  /** What the kernel listed, of messages that are neither its end nor about it. */
  *#parts({ datagrams, sequence }: DumpAnswer): Generator<ReceivedMessage> {
    for (const datagram of datagrams) {
      for (const part of this.#ours(datagram)) {
        if (part.sequence === sequence && !CONTROL.has(part.type)) yield part;
      }
    }
  }

  /** One dump, or why to make it again. */
  #dumpOnce(message: Message): DumpAnswer | NetlinkError {
    const sequence = this.#takeSequences(1);
    const sent = this.#send([message], NLM_F_REQUEST | NLM_F_DUMP, sequence);
    if (sent < 0) throw new NetlinkError(-sent);

    const datagrams: Uint8Array[] = [];
    let again: NetlinkError | undefined;
    for (;;) {
      const datagram = this.#receive(true, true);
      if (typeof datagram === "number") {
        if (datagram !== ENOBUFS) throw new NetlinkError(datagram === EAGAIN ? ETIMEDOUT : datagram);
        // The rest is of no use, but the kernel takes no new dump before this one has been read.
        this.#drain();
        return new NetlinkError(ENOBUFS);
      }
      datagrams.push(datagram);
      for (const part of this.#ours(datagram)) {
        if (part.sequence !== sequence) continue;
        if ((part.flags & NLM_F_DUMP_INTR) !== 0) {
          again = new NetlinkError(EINTR, { text: "the tables changed during every attempt to list them" });
        }
        switch (part.type) {
          case NLMSG_DONE: {
            const error = decodeDone(part);
            if (error !== undefined) throw error;
            return again ?? { datagrams, sequence };
          }
          case NLMSG_ERROR: {
            const error = decodeAck(part);
            if (error === undefined) return again ?? { datagrams, sequence };
            if (error.errno !== EBUSY) throw error;
            // An earlier dump, given up halfway, still runs on this socket.
            this.#drain();
            return error;
          }
          case NLMSG_OVERRUN:
            again = new NetlinkError(ENOBUFS);
            break;
        }
      }
    }
  }

  /** The first of as many numbers that follow each other. */
  #takeSequences(count: number): number {
    if (this.#sequence + count > LAST_SEQUENCE) this.#sequence = 1;
    const first = this.#sequence;
    this.#sequence += count;
    return first;
  }

  #send(messages: readonly Message[], flags: number, firstSequence: number): number {
    if (this.#fd < 0) throw new LodenError("ERR_INTERNAL", "a netlink socket is used after it was closed");
    const flagged = messages.map((message) => ({ ...message, flags: message.flags | flags }));
    return this.#sys.send(this.#fd, encodeMessages(flagged, firstSequence, this.#portId), 0);
  }

  /** Messages of a datagram that are meant for this socket. */
  #ours(datagram: Uint8Array): ReceivedMessage[] {
    return decodeMessages(datagram).filter((message) => message.portId === this.#portId);
  }

  /**
   * The next datagram from the kernel as a copy, or an errno. `peek` asks for its length first, for answers that may
   * be of any size; `wait` waits for one when there is none yet.
   */
  #receive(peek: boolean, wait: boolean): Uint8Array | number {
    for (;;) {
      if (peek) {
        const size = this.#sys.receive(this.#fd, NOTHING, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
        // An error is told once, so it is the answer.
        if (size < 0 && size !== -EAGAIN) return -size;
        if (size > scratch.length) scratch = new Uint8Array(size);
      }
      const { length, from } = this.#sys.receiveFrom(this.#fd, scratch, MSG_TRUNC | MSG_DONTWAIT);
      if (length === -EAGAIN && wait) {
        if (!this.#readable()) return EAGAIN;
        continue;
      }
      if (length < 0) return -length;
      if (length > scratch.length) throw decodeError(`a datagram of ${length} bytes where an acknowledgement was due`);
      if (portIdOf(from) === 0) return scratch.slice(0, length);
    }
  }

  #readable(): boolean {
    const entry: PollEntry = { fd: this.#fd, events: POLLIN, revents: 0 };
    const patience = this.#isSilent ? SILENT_TIMEOUT : ANSWER_TIMEOUT;
    this.#isSilent = orThrow(this.#sys.poll([entry], patience), "poll") === 0;
    return !this.#isSilent;
  }

  /** Reads and drops what is queued, and with it the rest of a running dump. */
  #drain(): void {
    let left = MAX_DRAIN;
    while (left-- > 0) {
      if (this.#receive(false, false) === EAGAIN) return;
    }
  }
}
