// Servers that answer with their name and who asked, over TCP and UDP of both families, and questions to them. Each is a
// process, so that it is in the network namespace of whoever starts it.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import type { Sandbox } from "./cni.ts";
import { inSandbox } from "./cni-network.ts";

/** Ends with its standard input, and so with the test, however that ends. */
const SERVER = `
const [name, port] = process.argv.slice(1);
const { createServer } = require("node:net");
const { createSocket } = require("node:dgram");
process.stdin.resume().on("end", () => process.exit());
const plain = (address) => address.replace("::ffff:", "");
createServer((socket) => socket.on("error", () => {}).end(name + " " + plain(socket.remoteAddress)))
  .listen({ port: Number(port), host: "::" }, () => {
    const udp = createSocket({ type: "udp6" });
    udp.on("message", (_, from) => udp.send(name + " " + plain(from.address), from.port, from.address));
    udp.bind(Number(port), "::", () => process.stdout.write("ready"));
  });
`;

const CLIENT = `
const [protocol, address, port, localPort, patience] = process.argv.slice(1);
setTimeout(() => process.exit(2), Number(patience));
const say = (text) => process.stdout.write(String(text), () => process.exit());
if (protocol === "tcp") {
  require("node:net").connect(Number(port), address).on("data", say).on("error", () => process.exit(1));
} else {
  const socket = require("node:dgram").createSocket(address.includes(":") ? "udp6" : "udp4");
  socket.on("message", say).on("error", () => process.exit(1));
  socket.bind(Number(localPort || 0), () => {
    const ask = () => socket.send("?", Number(port), address);
    ask();
    // The first may meet a neighbour that is not known yet.
    setInterval(ask, 200);
  });
}
`;

/** Milliseconds after which an answer that should be there is none. */
const PATIENCE = 30_000;
/** The same for one that should not. */
const IN_VAIN = 500;

/** A server in a container; resolved when it listens. */
export async function answeringServer(sandbox: Sandbox, name: string, port: number): Promise<Disposable> {
  const child = inSandbox(sandbox, () =>
    spawn(process.execPath, ["-e", SERVER, name, String(port)], { stdio: ["pipe", "pipe", "inherit"] }),
  );
  await once(child.stdout, "data");
  return { [Symbol.dispose]: () => void child.kill("SIGKILL") };
}

export interface Question {
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  /** Where to ask from; undefined: the test's own namespace. */
  readonly from?: Sandbox;
  /** Of UDP, for a second question of the same "connection". */
  readonly localPort?: number;
}

function question({ protocol, address, port, from, localPort }: Question, patience: number): string | undefined {
  const args = ["-e", CLIENT, protocol, address, String(port), String(localPort ?? ""), String(patience)];
  const run = () => spawnSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const { status, stdout } = from === undefined ? run() : inSandbox(from, run);
  return status === 0 ? stdout : undefined;
}

/** The answer, `<name> <who asked>`; undefined when there is none. */
export function answerTo(asked: Question): string | undefined {
  return question(asked, PATIENCE);
}

/** As answerTo, for a question that nobody should answer. */
export function answerInVain(asked: Question): string | undefined {
  return question(asked, IN_VAIN);
}
