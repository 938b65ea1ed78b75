// A name server for one test: A and SRV records over UDP (RFC 1035, RFC 2782), changed as the test goes, silent on demand.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

const TYPE = { a: 1, srv: 33 } as const;
const CLASS_IN = 1;
/** QR, AA, RD, RA. */
const ANSWER_FLAGS = 0x8580;
const RCODE = { noError: 0, serverFailure: 2, nameError: 3 } as const;
const HEADER_LENGTH = 12;
/** A compression pointer to the question's name, right after the header. */
const QUESTION_NAME = 0xc00c;

export interface SrvTarget {
  readonly target: string;
  readonly port: number;
  readonly priority?: number;
  readonly weight?: number;
}

export class DnsServer implements AsyncDisposable {
  /** IPv4 addresses by name. */
  readonly hosts = new Map<string, string>();
  readonly services = new Map<string, readonly SrvTarget[]>();
  /** Names asked for with SRV. */
  readonly asked: string[] = [];
  /** "failing" answers SERVFAIL, "silent" nothing at all. */
  mood: "good" | "failing" | "silent" = "good";
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (query, { address, port }) => {
      const answer = this.mood === "silent" ? undefined : this.#answer(query);
      if (answer !== undefined) socket.send(answer, port, address);
    });
  }

  static async start(address: string, port = 53): Promise<DnsServer> {
    const socket = createSocket("udp4");
    socket.bind(port, address);
    await once(socket, "listening");
    return new DnsServer(socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
  }

  #answer(query: Buffer): Buffer | undefined {
    const { name, end } = readName(query, HEADER_LENGTH);
    const type = query.readUInt16BE(end);
    const question = query.subarray(HEADER_LENGTH, end + 4);
    if (type === TYPE.srv) this.asked.push(name);
    const isKnown = this.hosts.has(name) || this.services.has(name);
    const data = this.mood === "failing" ? [] : this.#data(name, type);
    const rcode = this.mood === "failing" ? RCODE.serverFailure : isKnown ? RCODE.noError : RCODE.nameError;
    const header = Buffer.from(words(query.readUInt16BE(0), ANSWER_FLAGS | rcode, 1, data.length, 0, 0));
    const records = data.map((bytes) =>
      Buffer.concat([words(QUESTION_NAME, type, CLASS_IN, 0, 0, bytes.length), bytes]),
    );
    return Buffer.concat([header, question, ...records]);
  }

  #data(name: string, type: number): Buffer[] {
    const host = this.hosts.get(name);
    if (type === TYPE.a && host !== undefined) return [Buffer.from(host.split(".").map(Number))];
    if (type !== TYPE.srv) return [];
    return (this.services.get(name) ?? []).map(({ target, port, priority = 0, weight = 0 }) =>
      Buffer.concat([words(priority, weight, port), encodeName(target)]),
    );
  }
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, 2 * i);
  return bytes;
}

function encodeName(name: string): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0]),
  ]);
}

/** The name at an offset, in lower case; questions are not compressed. */
function readName(bytes: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = bytes[at] ?? 0; length > 0; length = bytes[at] ?? 0) {
    labels.push(bytes.toString("latin1", at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join("."), end: at + 1 };
}
