// The plugin's side of the socket: asks, and waits for the answer, which for an address may take as long as the server.
import { unixAddress } from "#kernel/notify";
import { Errno, orThrow } from "#kernel/sys";
import type { Sys } from "#kernel/sys";
import { CNI_ERROR, CniError, failure } from "../../error.ts";
import type { Result } from "../../result/types.ts";
import { LINE_LIMIT, printRequest, readAnswer, type Request } from "./protocol.ts";

/** bits/socket.h */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const MSG_NOSIGNAL = 0x4000;
const CHUNK = 64 * 1024;

/** What connect(2) says when nobody listens. */
const NOBODY: readonly string[] = ["ENOENT", "ECONNREFUSED", "ENOTDIR"];

/** The daemon is not there: leases, if there were any, are nobody's. */
export class NoDaemon extends CniError {
  constructor(path: string, cause: unknown) {
    const text = `error dialing DHCP daemon: nobody listens at ${path}; start \`dhcp daemon\`, or correct ipam.daemonSocketPath`;
    super(CNI_ERROR.notAvailable, text, "", cause);
  }
}

/** @throws NoDaemon; CniError with the daemon's answer */
export function askDaemon(sys: Sys, path: string, request: Request): Result | undefined {
  const fd = sys.socket(AF_UNIX, SOCK_STREAM, 0);
  try {
    try {
      sys.connect(fd, unixAddress(path));
    } catch (error) {
      if (error instanceof Errno && NOBODY.includes(error.symbol)) throw new NoDaemon(path, error);
      throw error;
    }
    let rest = new TextEncoder().encode(printRequest(request));
    while (rest.length > 0) rest = rest.subarray(orThrow(sys.send(fd, rest, MSG_NOSIGNAL), "send", path));
    return readAnswer(readLine(sys, fd));
  } finally {
    sys.close(fd);
  }
}

function readLine(sys: Sys, fd: number): string {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(CHUNK);
  let text = "";
  while (!text.includes("\n") && text.length < LINE_LIMIT) {
    const length = orThrow(sys.receive(fd, chunk, 0), "recv", "the DHCP daemon's socket");
    if (length === 0) throw failure("the DHCP daemon ended before it answered");
    text += decoder.decode(chunk.subarray(0, length), { stream: true });
  }
  return text;
}
