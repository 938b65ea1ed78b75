// A connection to the system's message bus (dbus-daemon(1), D-Bus Specification "Authentication Protocol"), synchronous: a call
// is sent and its answer waited for. For CNI plugins, which ask firewalld for something now and then.
import { Errno, orThrow } from "../sys.ts";
import type { Sys } from "../sys.ts";
import {
  DBUS_FIELD,
  DBUS_TYPE,
  PREAMBLE_LENGTH,
  dbusError,
  decodeMessage,
  encodeCall,
  messageLength,
  type DbusCall,
  type DbusMessage,
} from "./message.ts";

/** sys/socket.h, poll.h */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const MSG_NOSIGNAL = 0x4000;
const POLLIN = 1;
/** sizeof(sockaddr_un.sun_path) of sys/un.h */
const PATH_LENGTH = 108;
/** Milliseconds for an answer: firewalld reloads whole rulesets in some. */
const TIMEOUT = 25_000;
/** Bytes read at once. */
const CHUNK = 4096;

/** Where the system's bus is unless DBUS_SYSTEM_BUS_ADDRESS says something else. */
export const SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket";

/** The bus itself. */
const BUS = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus", interface: "org.freedesktop.DBus" };

/** The service answered with an error. */
export interface DbusRefusal {
  readonly name: string;
  readonly text: string;
}

export class DbusConnection implements Disposable {
  readonly #sys: Sys;
  readonly #fd: number;
  #serial = 0;
  #received = new Uint8Array(0);

  /**
   * Connects to the first of the addresses (`unix:path=…;…`) that can be reached and is of a kind spoken here.
   * @throws LodenError ERR_DBUS
   */
  static open(sys: Sys, addresses: string): DbusConnection {
    let last: unknown = new Error("none of them is a path");
    for (const address of addresses.split(";")) {
      const path = socketPath(address);
      if (path === undefined) continue;
      const fd = sys.socket(AF_UNIX, SOCK_STREAM, 0);
      try {
        sys.connect(fd, path);
        return new DbusConnection(sys, fd);
      } catch (error) {
        sys.close(fd);
        last = error;
      }
    }
    throw dbusError(`the message bus at ${addresses} cannot be reached: ${(last as Error).message}`, last);
  }

  private constructor(sys: Sys, fd: number) {
    this.#sys = sys;
    this.#fd = fd;
    this.#authenticate();
    this.call({ ...BUS, member: "Hello", args: [] });
  }

  /**
   * Calls a method; what it answers, or how it refuses.
   * @throws LodenError ERR_DBUS when the bus does not answer
   */
  call(call: DbusCall): readonly (string | number)[] | DbusRefusal {
    const serial = ++this.#serial;
    this.#write(encodeCall(call, serial));
    for (;;) {
      const message = this.#nextMessage();
      if (message.fields.get(DBUS_FIELD.replySerial) !== serial) continue;
      if (message.type === DBUS_TYPE.answer) return message.body;
      if (message.type !== DBUS_TYPE.error) continue;
      return { name: String(message.fields.get(DBUS_FIELD.errorName)), text: String(message.body[0] ?? "") };
    }
  }

  /** Whether somebody has a well-known name. */
  hasOwner(name: string): boolean {
    const answer = this.call({ ...BUS, member: "NameHasOwner", args: [name] });
    return !("name" in answer) && answer[0] === 1;
  }

  [Symbol.dispose](): void {
    this.#sys.close(this.#fd);
  }

  /** EXTERNAL: we are who the kernel says we are. */
  #authenticate(): void {
    const user = String(process.getuid?.() ?? 0);
    const hex = Array.from(user, (digit) => digit.charCodeAt(0).toString(16)).join("");
    this.#write(new TextEncoder().encode(`\0AUTH EXTERNAL ${hex}\r\n`));
    const line = this.#nextLine();
    if (!line.startsWith("OK ")) throw dbusError(`the message bus does not let us in: ${line}`);
    this.#write(new TextEncoder().encode("BEGIN\r\n"));
  }

  #nextLine(): string {
    for (;;) {
      const end = this.#received.indexOf(0x0a);
      if (end >= 0) return new TextDecoder().decode(this.#take(end + 1)).trim();
      this.#receive();
    }
  }

  #nextMessage(): DbusMessage {
    while (this.#received.length < PREAMBLE_LENGTH) this.#receive();
    const length = messageLength(this.#received);
    while (this.#received.length < length) this.#receive();
    return decodeMessage(this.#take(length));
  }

  #take(length: number): Uint8Array {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  #receive(): void {
    const ready = orThrow(this.#sys.poll([{ fd: this.#fd, events: POLLIN, revents: 0 }], TIMEOUT), "poll");
    if (ready === 0) throw dbusError(`the message bus did not answer within ${TIMEOUT / 1000} s`);
    const chunk = new Uint8Array(CHUNK);
    const length = this.#sys.read(this.#fd, chunk);
    if (length < 0) throw new Errno(-length, "read", "the message bus");
    if (length === 0) throw dbusError("the message bus closed the connection");
    const all = new Uint8Array(this.#received.length + length);
    all.set(this.#received);
    all.set(chunk.subarray(0, length), this.#received.length);
    this.#received = all;
  }

  #write(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      rest = rest.subarray(orThrow(this.#sys.send(this.#fd, rest, MSG_NOSIGNAL), "send", "the message bus"));
    }
  }
}

/** struct sockaddr_un of one address; undefined for another transport. Escapes are `%` and two digits. */
function socketPath(address: string): Uint8Array | undefined {
  if (!address.startsWith("unix:")) return undefined;
  const options = new Map(
    address
      .slice("unix:".length)
      .split(",")
      .map((pair) => pair.split("=", 2) as [string, string]),
  );
  const [path, abstract] = [options.get("path"), options.get("abstract")];
  const text = path ?? (abstract === undefined ? undefined : `\0${abstract}`);
  if (text === undefined) return undefined;
  const plain = text.replaceAll(/%([\da-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const bytes = new TextEncoder().encode(plain);
  if (bytes.length >= PATH_LENGTH) return undefined;
  const result = new Uint8Array(2 + bytes.length + (path === undefined ? 0 : 1));
  result[0] = AF_UNIX;
  result.set(bytes, 2);
  return result;
}
