// Gives memory back to the system: malloc_trim(3) for what libc's allocator keeps of what was freed. Node only, as koffi is.
import koffi from "koffi";

const mallocTrim = koffi.load("libc.so.6").func("int malloc_trim(size_t pad)") as (pad: number) => number;

/** Free pages between allocations that are in use, of all arenas. Takes about a millisecond. */
export function trimAllocator(): void {
  mallocTrim(0);
}
