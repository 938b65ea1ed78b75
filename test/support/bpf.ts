// BPF for tests: the compiled programs, other builds of them, and a BPF file system of this process's own, which goes with it.
import { mkdirSync, readFileSync, rmSync, mkdtempSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { sys } from "#sys";
import { readBpfObject } from "#kernel/bpf/elf";
import { BPF_FS } from "#kernel/bpf/pin";
import { tcxPrograms } from "#kernel/bpf/tcx";
import type { TunnelPrograms } from "../../daemon/backend/udp/artefact.ts";
import { buildBpf, compileBpf } from "../../daemon/build/bpf.ts";

const CLONE_NEWNS = 0x0002_0000;
const MS_REC = 0x4000;
const MS_PRIVATE = 1 << 18;

/** Pins that this process and its children make are seen by nobody else. */
export function enterFreshBpfFs(): void {
  buildBpf();
  sys.unshare(CLONE_NEWNS);
  sys.mount("none", "/", "none", MS_PRIVATE | MS_REC);
  mkdirSync(BPF_FS, { recursive: true });
  sys.mount("bpf", BPF_FS, "bpf", 0);
}

/** The programs of the udp backend as another build might have them. */
export function otherBuild(change: (source: string) => string, version: string): TunnelPrograms {
  const source = fileURLToPath(new URL("../../daemon/backend/udp/bpf/tunnel.bpf.c", import.meta.url));
  const directory = mkdtempSync(path.join(os.tmpdir(), "loden-bpf-"));
  try {
    const [before, object] = [readFileSync(source, "utf8"), path.join(directory, "other.o")];
    const after = change(before);
    if (after === before) throw new Error("the other build is the same");
    const file = path.join(directory, "other.bpf.c");
    writeFileSync(file, after);
    compileBpf(file, object);
    return { object: readBpfObject(readFileSync(object)), version };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Whether this kernel has tcx, which Linux 6.6 brought. */
export function hasTcx(): boolean {
  return tcxPrograms(sys, { index: 1, hook: "ingress" }) !== undefined;
}
