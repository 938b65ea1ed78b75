// The socket by which a daemon is asked for its view of the kernel (spec/state-document.md): whoever connects gets one
// document and the end. For root alone, by the socket's mode.
import { chmodSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { errorText } from "#spec/errors";
import type { StateDocument } from "#spec/state-document";
import type { Log } from "./log.ts";

const SOCKET_MODE = 0o600;

/** Milliseconds for a daemon to answer: a comparison of many thousand objects takes a fraction of one second. */
const ANSWER_LIMIT_MS = 15_000;

/** Serves until it is disposed of. A socket that cannot be made costs the daemon nothing but the view. */
export function serveState(path: string, document: () => StateDocument, log: Log): Disposable {
  // Left by a daemon that was killed: the lock says that none lives.
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    try {
      socket.end(`${JSON.stringify(document())}\n`);
    } catch (error) {
      log.warn({ err: error }, "the state could not be told");
      socket.end(`${JSON.stringify({ error: errorText(error) })}\n`);
    }
  });
  server.on("error", (error) => log.warn({ err: error, file: path }, "the state cannot be asked for"));
  const before = process.umask(0o177);
  server.listen(path, () => chmodSync(path, SOCKET_MODE));
  process.umask(before);
  server.unref();
  return { [Symbol.dispose]: () => void server.close() };
}

/** What the daemon behind a socket says; rejects when there is none. */
export async function askState(path: string): Promise<string> {
  const socket = connect(path);
  socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy(new Error(`no answer in ${ANSWER_LIMIT_MS / 1_000} s`)));
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk as string;
  return text;
}
