// Whether this host's kernel can be the data path: tried rather than guessed from versions. Programs and maps are made as
// they would be, one is pinned, and all are gone when this returns.
import path from "node:path";
import type { Sys } from "#kernel/sys";
import { BpfMap } from "#kernel/bpf/map";
import { BPF_FS, makePinDirectory, pin, removePins } from "#kernel/bpf/pin";
import { loadProgram } from "#kernel/bpf/program";
import { letSetChecksums } from "#kernel/ethtool";
import { linkDelete, type LinkKind, linkNew } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { LodenError, errorText } from "#spec/errors";
import { readTunnelPrograms, type TunnelPrograms } from "./artefact.ts";
import { MAPS } from "./layout.ts";

/** A device that lives for the length of two messages. */
const PROBE_DEVICE = "flannel-probe";
/** A port that nobody else has asked the kernel for: of IANA's dynamic range. */
const PROBE_PORT = 61_285;

/** What it must be able to make. */
const DEVICES = {
  "VXLAN-GPE device": { kind: "vxlan", port: PROBE_PORT, gpe: true, collectMetadata: true, learning: false },
  "veth pair": { kind: "veth", peer: { name: `${PROBE_DEVICE}0` } },
} as const satisfies Readonly<Record<string, LinkKind>>;

/** What hinders the kernel from carrying the udp backend's packets; undefined when nothing does. */
export function kernelDatapathObstacle(
  sys: Sys,
  programs: () => TunnelPrograms = readTunnelPrograms,
): string | undefined {
  try {
    loadForNothing(sys, programs());
  } catch (error) {
    return errorText(error);
  }
  for (const [what, kind] of Object.entries(DEVICES)) {
    try {
      makeDeviceForNothing(sys, kind);
    } catch (error) {
      return `the kernel makes no ${what} (is the module ${kind.kind} there?): ${errorText(error)}`;
    }
  }
  return undefined;
}

/** The same, found out when it is first asked for. */
export function knownObstacle(sys: Sys): () => string | undefined {
  let found: { readonly obstacle: string | undefined } | undefined;
  return () => (found ??= { obstacle: kernelDatapathObstacle(sys) }).obstacle;
}

function loadForNothing(sys: Sys, { object, version }: TunnelPrograms): void {
  const maps = new Map<string, BpfMap>();
  const programs: number[] = [];
  try {
    for (const definition of Object.values(MAPS)) maps.set(definition.name, BpfMap.create(sys, definition));
    for (const text of object.programs)
      programs.push(loadProgram(`${text.name}_${version}`, text, object.license, maps));
    pinForNothing(sys, programs[0]!);
  } finally {
    for (const fd of programs) sys.close(fd);
    for (const map of maps.values()) map[Symbol.dispose]();
  }
}

/** In a container the file system may be missing, and no right to mount it. */
function pinForNothing(sys: Sys, fd: number): void {
  const directory = path.join(BPF_FS, "loden", `probe-${process.pid}`);
  try {
    makePinDirectory(sys, directory);
    pin(fd, path.join(directory, "program"));
  } catch (error) {
    throw new LodenError("ERR_BPF", `nothing can be kept in ${BPF_FS}: ${errorText(error)}`, { cause: error });
  } finally {
    removePins(directory);
  }
}

function makeDeviceForNothing(sys: Sys, kind: LinkKind): void {
  using socket = NetlinkSocket.open(sys);
  // One that a killed daemon left.
  socket.batch([linkDelete({ name: PROBE_DEVICE })]);
  socket.request(linkNew({ name: PROBE_DEVICE, kind }));
  if (kind.kind === "veth") letSetChecksums(sys, PROBE_DEVICE, false);
  socket.request(linkDelete({ name: PROBE_DEVICE }));
}
