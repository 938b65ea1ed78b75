// The compiled BPF programs of this installation: beside the running bundle in a build, in the build cache of a checkout.
import { existsSync, readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import path from "node:path";
import { type BpfObject, readBpfObject } from "#kernel/bpf/elf";
import { LodenError } from "#spec/errors";

const FILE = "tunnel.bpf.o";
/** Where daemon/build/bpf.ts puts it, from here. */
const CACHE = "../../../node_modules/.cache/loden/bpf";

export interface TunnelPrograms {
  readonly object: BpfObject;
  /** Eight characters that change with the programs. */
  readonly version: string;
}

/** @throws LodenError ERR_BPF when this installation has none */
export function readTunnelPrograms(): TunnelPrograms {
  const here = import.meta.dirname;
  const file = [path.join(here, FILE), path.join(here, CACHE, FILE)].find((each) => existsSync(each));
  if (file === undefined) {
    throw new LodenError("ERR_BPF", `this installation has no ${FILE}: build Loden with clang at hand (npm run build)`);
  }
  const bytes = readFileSync(file);
  return { object: readBpfObject(bytes), version: createHash("sha256").update(bytes).digest("hex").slice(0, 8) };
}
