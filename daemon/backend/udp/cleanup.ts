// What the kernel's data path leaves on a host, for `loden cleanup` and the demo: programs by their hooks and names, pins by
// their place. Programs and maps go with the last hook and pin.
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { BPF_FS, removePins } from "#kernel/bpf/pin";
import { linkDump } from "#kernel/netlink/link";
import type { NetlinkSocket } from "#kernel/netlink/socket";
import type { Sys } from "#kernel/sys";
import { cutterLinks, removeCutter } from "./cutter.ts";
import { type AttachHost, PLACES, attached, detach } from "./attachments.ts";

export interface TunnelLeftover {
  readonly name: string;
  remove(): void;
}

/** @param instance only that daemon's pins; undefined: those of any daemon in this network namespace */
export function tunnelLeftovers(sys: Sys, socket: NetlinkSocket, instance: string | undefined): TunnelLeftover[] {
  const host: AttachHost = { sys, socket };
  const programs = linkDump(socket).flatMap((link) =>
    PLACES.filter((place) => attached(host, place, link).length > 0).map((place) => ({
      name: `BPF program ${place.program} at ${place.hook} of ${link.name}`,
      remove: () => detach(host, place, link),
    })),
  );
  const ends = cutterLinks(socket).map(({ name }) => name);
  const cutter = { name: `links ${ends.toSorted().join(" and ")}`, remove: () => removeCutter(socket) };
  return [
    ...programs,
    ...(ends.length === 0 ? [] : [cutter]),
    ...pinDirectories(instance).map((name) => ({ name: `BPF pins ${name}`, remove: () => removePins(name) })),
  ];
}

function pinDirectories(instance: string | undefined): string[] {
  const directory = path.join(BPF_FS, "loden");
  const namespace = `-${statSync("/proc/thread-self/ns/net").ino}`;
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith(namespace) && (instance === undefined || name === `${instance}${namespace}`))
    .map((name) => path.join(directory, name));
}
