// Gives memory back to the system: malloc_trim(3) for what libc's allocator keeps of what was freed, and madvise(2) for pages
// of the program itself. Node only, as koffi is.
import { readFileSync, readlinkSync } from "node:fs";
import koffi from "koffi";

/** asm-generic/mman-common.h: the pages are let go of, and read from the file again when they are needed. */
const MADV_DONTNEED = 4;

const libc = koffi.load("libc.so.6");
const mallocTrim = libc.func("int malloc_trim(size_t pad)") as (pad: number) => number;
const madvise = libc.func("int madvise(uint64_t address, size_t length, int advice)") as (
  address: bigint,
  length: bigint,
  advice: number,
) => number;

/** Free pages between allocations that are in use, of all arenas. Takes about a millisecond. */
export function trimAllocator(): void {
  mallocTrim(0);
}

/**
 * Lets go of the program's code that is mapped: most of it ran once, at the start. What is still needed comes back from the
 * page cache at the next call, at the cost of a soft fault for every 64 KiB. Mappings with anything written to them
 * (relocations) are left alone.
 */
export function releaseCode(): void {
  const program = readlinkSync("/proc/self/exe");
  for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
    const [, from = "", to = "", mode, file] = /^([\da-f]+)-([\da-f]+) (\S+) \S+ \S+ \S+ +(.*)$/.exec(line) ?? [];
    if (file !== program || mode !== "r-xp") continue;
    const start = BigInt(`0x${from}`);
    madvise(start, BigInt(`0x${to}`) - start, MADV_DONTNEED);
  }
}
