// What the thread may make use of. All of it is asked of the kernel, which may have none; a user may want less of it, where
// a kernel's or a card's is broken.
import type { Offloads } from "./messages.ts";

export const ALL_OFFLOADS: Offloads = { batch: true, segment: true, receive: true, device: true };

const NAMES = Object.keys(ALL_OFFLOADS) as (keyof Offloads)[];

/** `all`, `none`, or names with commas. Undefined for anything else. */
export function parseOffloads(text: string): Offloads | undefined {
  if (text === "all") return ALL_OFFLOADS;
  const wanted = text === "none" ? [] : text.split(",");
  if (wanted.some((name) => !NAMES.includes(name as keyof Offloads))) return undefined;
  return Object.fromEntries(NAMES.map((name) => [name, wanted.includes(name)])) as unknown as Offloads;
}
