// The maps and programs of one tunnel: pinned in a directory of their own, so that the path outlives the daemon, taken
// over by the next one, and replaced one by one when that brings others.
import { existsSync } from "node:fs";
import path from "node:path";
import { BpfMap, type MapEntry } from "#kernel/bpf/map";
import { makePinDirectory, openPin, pin, removePins } from "#kernel/bpf/pin";
import { loadProgram, programInfo } from "#kernel/bpf/program";
import type { Sys } from "#kernel/sys";
import type { TunnelPrograms } from "./artefact.ts";
import { MAPS, type MapName } from "./layout.ts";

export type ProgramName = "encap" | "decap" | "admit" | "single";

export const PROGRAMS: readonly ProgramName[] = ["encap", "decap", "admit", "single"];

/** What peers are told by, which a new set of maps takes over from an old one. */
const KEPT: readonly MapName[] = ["config", "routes4", "routes6", "peers"];

/** linux/bpf.h: room for the name and its version. */
function kernelName(program: ProgramName, version: string): string {
  return `${program}_${version}`;
}

/** Whether a program is this one by its name, in any version. */
export function isKernelName(program: ProgramName, name: string): boolean {
  return name.startsWith(`${program}_`) && /^[0-9a-f]{8}$/.test(name.slice(program.length + 1));
}

export class BpfObjects implements Disposable {
  readonly #sys: Sys;
  readonly #directory: string;
  #maps = new Map<MapName, BpfMap>();

  constructor(sys: Sys, directory: string) {
    this.#sys = sys;
    this.#directory = directory;
  }

  map(name: MapName): BpfMap | undefined {
    return this.#maps.get(name);
  }

  /**
   * Opens what is pinned. All maps must be there and as they should be for any to count; where they are not, those that
   * are open already stay so: the programs that run use them.
   */
  open(): boolean {
    if (!existsSync(this.#directory)) return false;
    const found = new Map<MapName, BpfMap>();
    for (const name of names()) {
      const fd = openPin(this.#file(name));
      const map = fd === undefined ? undefined : BpfMap.of(this.#sys, fd, MAPS[name]);
      if (map !== undefined) found.set(name, map);
    }
    if (found.size < names().length) {
      for (const map of found.values()) map[Symbol.dispose]();
      return false;
    }
    this.#close();
    this.#maps = found;
    return true;
  }

  /** Ids of the pinned programs that are of this version and use these maps. */
  programIds(version: string): Map<ProgramName, number> {
    const ids = new Map<ProgramName, number>();
    const own = new Set([...this.#maps.values()].map(({ id }) => id));
    for (const program of PROGRAMS) {
      const fd = openPin(this.#file(program));
      if (fd === undefined) continue;
      try {
        const info = programInfo(fd);
        const isOurs = info.name === kernelName(program, version) && [...info.mapIds].every((id) => own.has(id));
        if (isOurs) ids.set(program, info.id);
      } finally {
        this.#sys.close(fd);
      }
    }
    return ids;
  }

  /**
   * Makes what is not there. New maps begin with what the old ones hold, and take their places only when all are made.
   * @throws Errno, LodenError ERR_BPF
   */
  ensure({ object, version }: TunnelPrograms): void {
    makePinDirectory(this.#sys, this.#directory);
    if (!this.open()) {
      if (this.#maps.size === 0) this.#makeMaps();
      for (const [name, map] of this.#maps) pin(map.fd, this.#file(name));
    }
    const there = this.programIds(version);
    for (const text of object.programs) {
      const program = PROGRAMS.find((name) => name === text.name);
      if (program === undefined || there.has(program)) continue;
      const fd = loadProgram(kernelName(program, version), text, object.license, this.#maps);
      try {
        pin(fd, this.#file(program));
      } finally {
        this.#sys.close(fd);
      }
    }
  }

  /** A descriptor of a pinned program, for attaching it. */
  openProgram(program: ProgramName): number | undefined {
    return openPin(this.#file(program));
  }

  remove(): void {
    this.#close();
    removePins(this.#directory);
  }

  [Symbol.dispose](): void {
    this.#close();
  }

  #makeMaps(): void {
    const before = this.#readOld();
    const made = new Map<MapName, BpfMap>();
    for (const name of names()) {
      const map = BpfMap.create(this.#sys, MAPS[name]);
      made.set(name, map);
      map.setAll(before.get(name) ?? []);
    }
    this.#maps = made;
  }

  #readOld(): Map<MapName, MapEntry[]> {
    const entries = new Map<MapName, MapEntry[]>();
    for (const name of KEPT) {
      const fd = openPin(this.#file(name));
      if (fd === undefined) continue;
      using map = BpfMap.of(this.#sys, fd, MAPS[name]);
      if (map !== undefined) entries.set(name, map.entries());
    }
    return entries;
  }

  #file(name: string): string {
    return path.join(this.#directory, name);
  }

  #close(): void {
    for (const map of this.#maps.values()) map[Symbol.dispose]();
    this.#maps = new Map();
  }
}

function names(): MapName[] {
  return Object.keys(MAPS) as MapName[];
}
