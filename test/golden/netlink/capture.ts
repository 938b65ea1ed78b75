// Records what iproute2 sends for the commands in the fixtures beside this file and writes the bytes under them:
//   node test/golden/netlink/capture.ts        (root, iproute2, strace)
// A fixture is text. `$` lines prepare a fresh network namespace, the `>` line is recorded, what follows is its message:
// type and flags, then in hexadecimal the header and each attribute on a line of its own. Run it again only to add
// commands: the bytes were made with iproute2 6.1.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sys } from "#sys";
import { type Message, decodeMessages } from "#kernel/netlink/wire";
import { FIXTURES, type Recorded, readFixture, requestOf, writeFixture } from "./fixture.ts";

const CLONE_NEWNET = 0x4000_0000;

function record({ setup, command }: Recorded, scratch: string): Message {
  sys.unshare(CLONE_NEWNET);
  for (const line of setup) {
    const [program, ...args] = line.split(" ");
    execFileSync(program!, args, { stdio: "inherit" });
  }
  const trace = join(scratch, "trace");
  // The kernel may lack what the command asks for: the request is sent all the same.
  spawnSync("strace", ["-e", "trace=sendmsg", "-e", "write=all", "-o", trace, ...command.split(" ")], {
    stdio: "ignore",
  });
  const sent = readFileSync(trace, "utf8")
    .split(/^sendmsg/m)
    .slice(1)
    .flatMap((call) => decodeMessages(hexDump(call)));
  const wanted = requestOf(command);
  const message = sent.findLast(({ type }) => type === wanted.type);
  if (message === undefined) throw new Error(`${command}: no message of type ${wanted.type} among ${sent.length}`);
  return message;
}

/** The bytes in strace's ` | 00000  64 00 …  text |` lines. */
function hexDump(call: string): Uint8Array {
  const rows = call.matchAll(/^ \| [\da-f]{5} ((?: {1,2}[\da-f]{2}){1,16})/gm);
  return Uint8Array.from(
    [...rows].flatMap(([, row]) => row!.trim().split(/ +/)),
    (octet) => Number.parseInt(octet, 16),
  );
}

const scratch = mkdtempSync(join(tmpdir(), "loden-golden-"));
try {
  for (const fixture of FIXTURES) {
    const { comment, cases } = readFixture(fixture);
    writeFileSync(
      fixture,
      writeFixture(
        comment,
        cases.map((found) => ({ ...found, message: record(found, scratch) })),
      ),
    );
  }
} finally {
  rmSync(scratch, { recursive: true });
}
