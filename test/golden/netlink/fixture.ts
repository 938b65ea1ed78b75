// Reads and writes the recordings of iproute2's messages; capture.ts tells their form.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { listAttrs } from "#kernel/netlink/attr";
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from "#kernel/netlink/constants";
import { type Message, align } from "#kernel/netlink/wire";

export function fixturePath(noun: string): string {
  return fileURLToPath(new URL(`${noun}.txt`, import.meta.url));
}

export const FIXTURES = ["link", "addr", "route", "neigh", "fdb", "rule", "vlan", "tc"].map(fixturePath);

export interface Recorded {
  /** Commands that make what the recorded one needs. */
  readonly setup: readonly string[];
  readonly command: string;
  /** Absent before it has been recorded; flags without REQUEST and ACK, which the socket sets. */
  readonly message?: Message;
}

interface Noun {
  /** Message type of its NEW request; DEL is one more, GET two more, unless `del` says something else. */
  readonly base: number;
  readonly del?: number;
  /** Length of its fixed header. */
  readonly header: number;
}

const NOUNS: Readonly<Record<string, Noun>> = {
  link: { base: 16, header: 16 },
  property: { base: 108, header: 16 },
  addr: { base: 20, header: 8 },
  route: { base: 24, header: 12 },
  neigh: { base: 28, header: 12 },
  fdb: { base: 28, header: 12 },
  rule: { base: 32, header: 12 },
  qdisc: { base: 36, header: 20 },
  class: { base: 40, header: 20 },
  filter: { base: 44, header: 20 },
  // RTM_SETLINK and RTM_DELLINK.
  vlan: { base: 19, del: 17, header: 16 },
};

const VERBS: Readonly<Record<string, number>> = { del: 1, get: 2 };

/** Which of the messages that a command sends is the one meant (`ip` looks names up beside it), and its header. */
export function requestOf(command: string): { readonly type: number; readonly header: number } {
  const words = command.split(" ").filter((word) => !word.startsWith("-"));
  const isProperty = words[2] === "property";
  const { base, del, header } = NOUNS[isProperty ? "property" : words[1]!]!;
  if (del !== undefined && words[2] === "del") return { type: del, header };
  return { type: base + (VERBS[words[isProperty ? 3 : 2]!] ?? 0), header };
}

/** What a NEW request says by its flags. REQUEST and ACK are the socket's. */
const MEANINGFUL = NLM_F_REPLACE | NLM_F_EXCL | NLM_F_CREATE | NLM_F_APPEND;

export function readFixture(path: string): { readonly comment: readonly string[]; readonly cases: readonly Recorded[] } {
  const lines = readFileSync(path, "utf8").split("\n");
  const comment = lines.filter((line) => line.startsWith("#"));
  const blocks = lines
    .filter((line) => !line.startsWith("#"))
    .join("\n")
    .split(/\n\s*\n/)
    .map((block) => block.split("\n").filter((line) => line !== ""))
    .filter((block) => block.length > 0);
  return { comment, cases: blocks.map((block) => readBlock(block, path)) };
}

function readBlock(block: readonly string[], path: string): Recorded {
  const setup = block.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
  const command = block.find((line) => line.startsWith("> "))?.slice(2);
  if (command === undefined) throw new Error(`${path}: no recorded command in ${JSON.stringify(block)}`);
  const head = block.find((line) => line.startsWith("type "));
  const [, type, flags] = /^type (\d+) flags 0x([\da-f]+)$/.exec(head ?? "") ?? [];
  if (type === undefined || flags === undefined) return { setup, command };
  const hex = block.slice(block.indexOf(head!) + 1).join("");
  const payload = Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
  return { setup, command, message: { type: Number(type), flags: Number.parseInt(flags, 16), payload } };
}

export function writeFixture(comment: readonly string[], cases: readonly Recorded[]): string {
  const blocks = cases.map(({ setup, command, message }) =>
    [
      ...setup.map((line) => `$ ${line}`),
      `> ${command}`,
      ...(message === undefined ? [] : showMessage(message, requestOf(command).header)),
    ].join("\n"),
  );
  return `${[comment.join("\n"), ...blocks].join("\n\n")}\n`;
}

/** Type and flags, header, attributes: a line each, so that a difference shows where it is. */
export function showMessage({ type, flags, payload }: Message, header: number): string[] {
  const meaningful = flags & MEANINGFUL;
  const lines = [`type ${type} flags 0x${meaningful.toString(16)}`, hex(payload.subarray(0, header))];
  let at = header;
  for (const { value } of listAttrs(payload, header)) {
    const length = 4 + value.length;
    const attr = payload.subarray(at, at + align(length));
    lines.push([hex(attr.subarray(0, 2)), hex(attr.subarray(2, 4)), hex(attr.subarray(4))].join(" ").trim());
    at += align(length);
  }
  return lines;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
