// nftables through the program `nft` (nft(8)), for hosts whose library is missing or is no use to this runtime (another libc,
// a static nft): a process per transaction.
import type * as Fs from "node:fs";
import { findProgram } from "../program.ts";
import { runProgram } from "../programs.ts";
import type { NftRunner } from "./runner.ts";

/** Bytes of a listing; beyond it nft is stopped. */
const MAX_OUTPUT = 256 << 20;

/** Loaded when first used, as it would add a millisecond to every start of a CNI executable. */
function fs(): typeof Fs {
  return process.getBuiltinModule("node:fs");
}

/** Undefined when the program is not installed. */
export function openNftProgram(searchPath: string | undefined = process.env["PATH"]): NftRunner | undefined {
  const program = findProgram("nft", searchPath);
  if (program === undefined) return undefined;
  return {
    run(input, echo) {
      const stdin = openInput(input);
      try {
        const args = ["-j", ...(echo ? ["-e"] : []), "-f", "-"];
        const { status, error, stdout, stderr } = runProgram(program, args, {
          stdio: [stdin, "pipe", "pipe"],
          maxBuffer: MAX_OUTPUT,
        });
        return {
          isDone: status === 0 && error === undefined,
          output: stdout ?? "",
          complaint: error === undefined ? stderr : `${program}: ${error.message}`,
        };
      } finally {
        fs().closeSync(stdin);
      }
    },
    close: () => undefined,
  };
}

/**
 * A file without a name that holds the input. For `-` nft opens /dev/stdin by that name, which fails where standard input is
 * a socket, as the pipes that Node makes for its children are.
 */
function openInput(input: string): number {
  const { randomUUID } = process.getBuiltinModule("node:crypto");
  const { tmpdir } = process.getBuiltinModule("node:os");
  const name = `${tmpdir()}/loden-nft-${process.pid}-${randomUUID()}`;
  const { openSync, unlinkSync, writeFileSync } = fs();
  const fd = openSync(name, "wx+", 0o600);
  try {
    unlinkSync(name);
    writeFileSync(fd, input);
    return fd;
  } catch (error) {
    fs().closeSync(fd);
    throw error;
  }
}
