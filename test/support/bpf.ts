// BPF for tests: the compiled programs, and a BPF file system of this process's own, which goes with it.
import { mkdirSync } from "node:fs";
import { sys } from "#sys";
import { BPF_FS } from "#kernel/bpf/pin";
import { buildBpf } from "../../daemon/build/bpf.ts";

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
