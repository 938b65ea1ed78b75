// What a client (cni-plugins/client) and the resident say to each other, as bytes: a greeting, one request, one answer.
// spec/cni-resident.md describes the formats. Numbers are little-endian. Pure; whatever bytes come, decoding ends.
import type { Variables } from "../environment.ts";

/** Bytes of a request in all; client.c has the same number. */
export const REQUEST_LIMIT = 4 << 20;
/** Bytes of an answer's outputs; client.c has the same number. */
export const REPLY_LIMIT = 1 << 20;
/** The word in front of a request that tells the length of the rest. */
export const LENGTH_SIZE = 4;
const HEAD_SIZE = 44;
const ANSWER_SIZE = 12;
/** In place of an exit status, which has eight bits. */
const DECLINED = 256;
const LINK_FIRST = 257;

const MAGIC = "LODENCNI";
const BUILD_LENGTH = 64;
const GREETING_SIZE = 168;

/** In which world a process lives. A call means the same to two processes when this is equal. */
export interface World {
  /** What both were compiled from: 64 hexadecimal digits. */
  readonly build: string;
  /** As FileStatus.identity tells them: namespaces, and the root directory. */
  readonly mount: string;
  readonly network: string;
  readonly user: string;
  readonly process: string;
  readonly root: string;
  /** Effective capabilities, user and group. */
  readonly capabilities: bigint;
  readonly uid: number;
  readonly gid: number;
}

/** A call as the runtime made it. */
export interface Request {
  /** The last part of the name the client was called by. */
  readonly plugin: string;
  readonly umask: number;
  readonly directory: string;
  /** Identity of the client's file. */
  readonly client: string;
  /** The client has deleted the link that it was told to. */
  readonly isSecond: boolean;
  readonly variables: Variables;
  readonly input: string;
}

const encoder = new TextEncoder();

function putIdentity(view: DataView, offset: number, identity: string): void {
  identity.split(":").forEach((word, index) => view.setUint32(offset + index * 4, Number(word), true));
}

function identityAt(view: DataView, offset: number): string {
  return [0, 4, 8, 12].map((at) => view.getUint32(offset + at, true)).join(":");
}

/** `struct greeting` of client.c. */
export function encodeGreeting(world: World): Uint8Array {
  const bytes = new Uint8Array(GREETING_SIZE);
  const view = new DataView(bytes.buffer);
  encoder.encodeInto(MAGIC, bytes);
  encoder.encodeInto(world.build, bytes.subarray(MAGIC.length));
  let offset = MAGIC.length + BUILD_LENGTH;
  for (const identity of [world.mount, world.network, world.user, world.process, world.root]) {
    putIdentity(view, offset, identity);
    offset += 16;
  }
  view.setBigUint64(offset, world.capabilities, true);
  view.setUint32(offset + 8, world.uid, true);
  view.setUint32(offset + 12, world.gid, true);
  return bytes;
}

/** How many bytes a request has in all, from its first word; undefined for a length that no request has. */
export function requestSize(bytes: Uint8Array): number | undefined {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const size = length + LENGTH_SIZE;
  return size >= HEAD_SIZE && size <= REQUEST_LIMIT ? size : undefined;
}

/** A whole request; undefined when it is none, or holds what is not text. */
export function decodeRequest(bytes: Uint8Array): Request | undefined {
  if (bytes.length < HEAD_SIZE || requestSize(bytes) !== bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEAD_SIZE);
  const lengths = [28, 32, 36, 40].map((at) => view.getUint32(at, true)) as [number, number, number, number];
  if (lengths.reduce((sum, length) => sum + length, HEAD_SIZE) !== bytes.length) return undefined;
  let end = HEAD_SIZE;
  const parts = lengths.map((length) => bytes.subarray(end, (end += length))) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const [plugin, directory, environment] = parts.map(strictText);
  if (plugin === undefined || directory === undefined || environment === undefined) return undefined;
  const variables = readVariables(environment);
  if (variables === undefined) return undefined;
  // As streams.ts decodes standard input.
  const input = new TextDecoder("utf-8", { ignoreBOM: true }).decode(parts[3]);
  return {
    plugin,
    umask: view.getUint32(4, true),
    directory,
    client: identityAt(view, 8),
    isSecond: view.getUint32(24, true) !== 0,
    variables,
    input,
  };
}

function strictText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The environment of execve(2). Undefined for a name that stands there twice: who reads which is not for us to guess. */
function readVariables(text: string): Variables | undefined {
  const variables: Record<string, string> = Object.create(null) as Record<string, string>;
  if (text !== "" && !text.endsWith("\0")) return undefined;
  for (const entry of text.split("\0")) {
    const equals = entry.indexOf("=");
    if (equals < 0) continue;
    const name = entry.slice(0, equals);
    if (name in variables) return undefined;
    variables[name] = entry.slice(equals + 1);
  }
  return variables;
}

/** What the client prints, and the status it ends with; undefined when it is more than a client takes. */
export function encodeAnswer(status: number, output: string, error: string): Uint8Array | undefined {
  const [out, err] = [encoder.encode(output), encoder.encode(error)];
  if (out.length + err.length > REPLY_LIMIT) return undefined;
  const bytes = new Uint8Array(ANSWER_SIZE + out.length + err.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, status, true);
  view.setUint32(4, out.length, true);
  view.setUint32(8, err.length, true);
  bytes.set(out, ANSWER_SIZE);
  bytes.set(err, ANSWER_SIZE + out.length);
  return bytes;
}

/** A link of the host, if it has this alias. */
export interface MarkedLink {
  readonly index: number;
  readonly alias: string;
}

/** Nothing was done: the client is to delete a link of the host, and then to ask again. */
export function encodeLinkFirst({ index, alias }: MarkedLink): Uint8Array {
  const text = encoder.encode(alias);
  const bytes = new Uint8Array(ANSWER_SIZE + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, LINK_FIRST, true);
  view.setUint32(4, text.length, true);
  view.setUint32(8, index, true);
  bytes.set(text, ANSWER_SIZE);
  return bytes;
}

/** Nothing was done: the client is to do it itself. */
export function encodeDeclined(): Uint8Array {
  const bytes = new Uint8Array(ANSWER_SIZE);
  new DataView(bytes.buffer).setUint32(0, DECLINED, true);
  return bytes;
}
