// Standard input and output of a plugin process, synchronous, over descriptors that may be non-blocking: a runtime may
// hand us the end of a pipe that it set so for itself.
import { Errno } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import type { Streams } from "./skeleton.ts";

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
/** poll.h */
const POLLIN = 1;
const POLLOUT = 4;
/** errno.h */
const EAGAIN = 11;
/** A configuration fits; what is longer is read in more turns. */
const CHUNK = 16 * 1024;
/** VERSION may be called with an input nobody writes to; libcni's input is there within a millisecond. */
const VERSION_PATIENCE_MS = 100;

function readToEnd(sys: Sys): string {
  // One decoder for all chunks: a character may lie on the edge of two.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const chunk = new Uint8Array(CHUNK);
  let text = "";
  for (;;) {
    const length = sys.read(STDIN, chunk);
    if (length === -EAGAIN) {
      sys.poll([{ fd: STDIN, events: POLLIN, revents: 0 }], -1);
      continue;
    }
    if (length < 0) throw new Errno(-length, "read", "standard input");
    if (length === 0) return text + decoder.decode();
    text += decoder.decode(chunk.subarray(0, length), { stream: true });
  }
}

/** One chunk that comes soon, or nothing. */
function readSoon(sys: Sys): string {
  if (sys.poll([{ fd: STDIN, events: POLLIN, revents: 0 }], VERSION_PATIENCE_MS) === 0) return "";
  const chunk = new Uint8Array(CHUNK);
  const length = sys.read(STDIN, chunk);
  return new TextDecoder().decode(chunk.subarray(0, Math.max(length, 0)));
}

/** An output that is closed is given up: there is nobody left to tell. */
function writeAll(sys: Sys, fd: number, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) {
    const written = sys.write(fd, rest);
    if (written === -EAGAIN) sys.poll([{ fd, events: POLLOUT, revents: 0 }], -1);
    else if (written < 0) return;
    else rest = rest.subarray(written);
  }
}

/** The process's own streams. */
export function processStreams(sys: Sys): Streams {
  return {
    readInput: () => readToEnd(sys),
    readAvailableInput: () => readSoon(sys),
    writeOutput: (text) => writeAll(sys, STDOUT, text),
    writeError: (text) => writeAll(sys, STDERR, text),
  };
}
