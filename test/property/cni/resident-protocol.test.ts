// Requests and answers of the resident plugins as bytes: what a client sends is read as it was meant, and whatever else
// comes is refused without harm, by the decoder and by a resident that lives.
import net from "node:net";
import path from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeRequest,
  encodeAnswer,
  encodeGreeting,
  REPLY_LIMIT,
  REQUEST_LIMIT,
  requestSize,
} from "../../../cni-plugins/resident/protocol.ts";
import { compiledPlugins } from "../../support/cni.ts";
import { startResident } from "../../support/resident.ts";
import { tempDir } from "../../support/temp-dir.ts";

interface Parts {
  readonly plugin: string;
  readonly umask: number;
  readonly directory: string;
  readonly client: readonly number[];
  readonly isSecond: boolean;
  readonly variables: Readonly<Record<string, string>>;
  readonly input: string;
}

const PLAIN = { umask: 0, directory: "/", client: [0, 0, 0, 0], isSecond: false } as const;

/** As client.c writes it. */
function encodeRequest({ plugin, umask, directory, client, isSecond, variables, input }: Parts): Buffer {
  const environment = Object.entries(variables).map(([name, value]) => `${name}=${value}\0`);
  const parts = [plugin, directory, environment.join(""), input].map((text) => Buffer.from(text));
  const rest = parts.reduce((sum, { length }) => sum + length, 40);
  const pass = Number(isSecond);
  const head = Buffer.from(
    new Uint32Array([rest, umask, ...client, pass, ...parts.map(({ length }) => length)]).buffer,
  );
  return Buffer.concat([head, ...parts]);
}

const text = fc.string({ unit: "binary" }).map((value) => value.toWellFormed().replaceAll("\0", ""));
const word = fc.nat({ max: 0xffff_ffff });
const request: fc.Arbitrary<Parts> = fc.record({
  plugin: text,
  umask: fc.nat({ max: 0o777 }),
  directory: text,
  client: fc.tuple(word, word, word, word),
  isSecond: fc.boolean(),
  variables: fc.dictionary(
    text.filter((name) => !name.includes("=")),
    text,
  ),
  input: fc.string({ unit: "binary" }).map((value) => value.toWellFormed()),
});

test("a request is read as it was written", () => {
  fc.assert(
    fc.property(request, (parts) => {
      const bytes = encodeRequest(parts);
      expect(requestSize(bytes)).toBe(bytes.length);
      const { variables, ...read } = decodeRequest(bytes)!;
      expect(read).toEqual({ ...read, ...parts, variables: undefined, client: parts.client.join(":") });
      expect(Object.entries(variables)).toEqual(Object.entries(parts.variables));
    }),
  );
});

test("bytes that are no request are none, and do no harm", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const read = decodeRequest(bytes);
      expect(read === undefined || requestSize(bytes) === bytes.length).toBe(true);
    }),
  );
  fc.assert(
    fc.property(request, fc.nat(), fc.nat({ max: 255 }), (parts, at, value) => {
      const bytes = encodeRequest(parts);
      bytes[at % Math.min(bytes.length, 60)] = value;
      decodeRequest(bytes);
      decodeRequest(bytes.subarray(0, at % bytes.length));
    }),
  );
  expect(requestSize(new Uint8Array(new Uint32Array([REQUEST_LIMIT - 3]).buffer))).toBeUndefined();
  expect(requestSize(new Uint8Array(new Uint32Array([REQUEST_LIMIT - 4]).buffer))).toBe(REQUEST_LIMIT);
});

test.each([
  ["a variable that stands there twice", { a: "1\0a=2" }],
  ["what is no text", { a: "1" }],
])("%s is not for the resident", (name, variables) => {
  const parts = { ...PLAIN, plugin: "bridge", variables, input: "" };
  const bytes = encodeRequest(parts);
  if (name === "what is no text") bytes[bytes.length - 2] = 0xff;
  expect(decodeRequest(bytes)).toBeUndefined();
});

test("an answer has its lengths in front, and none is longer than a client takes", () => {
  fc.assert(
    fc.property(fc.nat({ max: 255 }), text, text, (status, output, error) => {
      const bytes = Buffer.from(encodeAnswer(status, output, error)!);
      const [out, err] = [Buffer.from(output), Buffer.from(error)];
      expect([0, 4, 8].map((at) => bytes.readUInt32LE(at))).toEqual([status, out.length, err.length]);
      expect(bytes.subarray(12)).toEqual(Buffer.concat([out, err]));
    }),
  );
  expect(encodeAnswer(0, "x".repeat(REPLY_LIMIT), "")).toBeDefined();
  expect(encodeAnswer(0, "x".repeat(REPLY_LIMIT), "y")).toBeUndefined();
});

test("a greeting has the size and the order of client.c", () => {
  const world = {
    ...{ build: "b".repeat(64), mount: "1:2:3:4", network: "5:6:7:8", user: "9:10:11:12", process: "13:14:15:16" },
    ...{ root: "17:18:19:20", capabilities: 0x1_0000_0002n, uid: 21, gid: 22 },
  };
  const bytes = Buffer.from(encodeGreeting(world));
  expect(bytes.subarray(0, 72).toString()).toBe(`LODENCNI${"b".repeat(64)}`);
  const numbers = Array.from({ length: 24 }, (_, index) => bytes.readUInt32LE(72 + index * 4));
  expect(numbers).toEqual([...Array.from({ length: 20 }, (_, index) => index + 1), 2, 1, 21, 22]);
});

test("a resident that lives takes whatever bytes come, and serves on", async () => {
  await using directory = tempDir("resident-fuzz");
  await using resident = await startResident(compiledPlugins(), path.join(directory.path, "cni.sock"));
  /** What it says to these bytes until it hangs up; whether we do first. */
  const say = (bytes: Uint8Array, isLast: boolean): Promise<Buffer> =>
    new Promise((resolve) => {
      const connection = net.connect(resident.socket);
      const heard: Buffer[] = [];
      connection.on("data", (chunk: Buffer) => heard.push(chunk)).on("error", () => undefined);
      connection.on("close", () => resolve(Buffer.concat(heard)));
      connection.write(bytes);
      if (isLast) connection.end();
    });
  const valid = (plugin: string): Buffer => {
    const variables = { CNI_COMMAND: "STATUS", CNI_PATH: "/nowhere" };
    const input = '{"cniVersion":"1.1.0","name":"lo","type":"loopback"}';
    return encodeRequest({ ...PLAIN, plugin, variables, input });
  };
  const mutated = fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([at, bytes]) => {
    const whole = valid("loopback");
    whole.set(bytes.subarray(0, whole.length - (at % whole.length)), at % whole.length);
    return whole;
  });
  const anything = fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated, request.map(encodeRequest));
  await fc.assert(
    fc.asyncProperty(anything, async (bytes) => {
      const heard = await say(bytes, true);
      expect(heard.subarray(0, 8).toString()).toBe("LODENCNI");
    }),
    { numRuns: 200 },
  );
  expect((await say(valid("none-such"), false)).readUInt32LE(168)).toBe(256);
  expect(await resident.stop()).toBe(0);
  expect(resident.complaints()).not.toMatch(/failed|abort/);
});
