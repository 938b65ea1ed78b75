// Standard input and output of a plugin process, synchronous, over descriptors that may be non-blocking: a runtime may
// hand us the end of a pipe that it set so for itself.
import * as fs from "node:fs";
import type { Sys } from "#kernel/sys";
import type { Streams } from "./skeleton.ts";

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
/** poll.h */
const POLLIN = 1;
const POLLOUT = 4;
/** A configuration fits; the rest is read in more turns. */
const CHUNK = 64 * 1024;
/** VERSION may be called with an input nobody writes to; libcni's input is there within a millisecond. */
const VERSION_PATIENCE_MS = 100;

function wouldBlock(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "EAGAIN";
}

function readToEnd(sys: () => Sys): string {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    let length: number;
    try {
      length = fs.readSync(STDIN, chunk, 0, CHUNK, null);
    } catch (error) {
      if (!wouldBlock(error)) throw error;
      sys().poll([{ fd: STDIN, events: POLLIN, revents: 0 }], -1);
      continue;
    }
    if (length === 0) return Buffer.concat(chunks).toString("utf8");
    chunks.push(chunk.subarray(0, length));
  }
}

/** One chunk that comes soon, or nothing. */
function readSoon(sys: Sys): string {
  try {
    if (sys.poll([{ fd: STDIN, events: POLLIN, revents: 0 }], VERSION_PATIENCE_MS) === 0) return "";
    const chunk = Buffer.allocUnsafe(CHUNK);
    return chunk.subarray(0, fs.readSync(STDIN, chunk, 0, CHUNK, null)).toString("utf8");
  } catch {
    return "";
  }
}

function writeAll(sys: () => Sys, fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(fd, rest));
    } catch (error) {
      if (!wouldBlock(error)) return;
      sys().poll([{ fd, events: POLLOUT, revents: 0 }], -1);
    }
  }
}

/** The process's own streams. `sys` is asked for only when a descriptor would block. */
export function processStreams(sys: () => Sys): Streams {
  return {
    readInput: () => readToEnd(sys),
    readAvailableInput: () => readSoon(sys()),
    writeOutput: (text) => writeAll(sys, STDOUT, text),
    writeError: (text) => writeAll(sys, STDERR, text),
  };
}
