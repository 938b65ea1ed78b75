// BPF pins of the demo's daemons. They outlive the daemons, as they should elsewhere, and would outlive the demo's hosts:
// what there may be is written into the demo's folder, for the demo itself or, when it was killed, the next one.
import { fstatSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { removePins } from "#kernel/bpf/pin";
import { instanceDirectory } from "../../backend/udp/kernel-datapath.ts";
import { DEFAULT_SCOPE, ownershipMarks } from "../../reconcile/marks.ts";

const FILE = "pins";

/** @param hosts by the descriptors of their network namespaces */
export function notePins(dir: string, hosts: readonly { readonly fd: number }[]): void {
  const { nftTable } = ownershipMarks(DEFAULT_SCOPE, []);
  const lines = hosts.map(({ fd }) => instanceDirectory(nftTable, fstatSync(fd).ino));
  writeFileSync(path.join(dir, FILE), lines.join("\n"), { mode: 0o600 });
}

export function removeAllPins(dir: string): void {
  let text: string;
  try {
    text = readFileSync(path.join(dir, FILE), "utf8");
  } catch {
    return;
  }
  for (const line of text.split("\n")) if (line.startsWith("/sys/fs/bpf/loden/")) removePins(line);
}
