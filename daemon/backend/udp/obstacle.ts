// Whether this host's kernel can be the data path: tried rather than guessed from versions. Programs and maps are made as
// they would be, under no name, and are gone when this returns.
import type { Sys } from "#kernel/sys";
import { BpfMap } from "#kernel/bpf/map";
import { loadProgram } from "#kernel/bpf/program";
import { linkDelete, linkNew } from "#kernel/netlink/link";
import { NetlinkSocket } from "#kernel/netlink/socket";
import { errorText } from "#spec/errors";
import { readTunnelPrograms, type TunnelPrograms } from "./artefact.ts";
import { MAPS } from "./layout.ts";

/** A device that lives for the length of two messages. */
const PROBE_DEVICE = "flannel-probe";
/** A port that nobody else has asked the kernel for: of IANA's dynamic range. */
const PROBE_PORT = 61_285;

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
  try {
    makeDeviceForNothing(sys);
  } catch (error) {
    return `the kernel makes no VXLAN-GPE device (is the module vxlan there?): ${errorText(error)}`;
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
  } finally {
    for (const fd of programs) sys.close(fd);
    for (const map of maps.values()) map[Symbol.dispose]();
  }
}

function makeDeviceForNothing(sys: Sys): void {
  using socket = NetlinkSocket.open(sys);
  const kind = { kind: "vxlan", port: PROBE_PORT, gpe: true, collectMetadata: true, learning: false } as const;
  // One that a killed daemon left.
  socket.batch([linkDelete({ name: PROBE_DEVICE })]);
  socket.request(linkNew({ name: PROBE_DEVICE, kind }));
  socket.request(linkDelete({ name: PROBE_DEVICE }));
}
