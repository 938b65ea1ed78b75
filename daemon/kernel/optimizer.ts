// V8's optimizing compilers. The daemon does nothing often enough to need them, and their code and leavings take 13 MiB of
// memory, so its launcher starts it without (spec/decisions/memory.md); whoever has a hot loop switches them on.
import { setFlagsFromString } from "node:v8";

/** From now on, what runs often is optimized, in all threads. */
export function optimizeHotLoops(): void {
  for (const compiler of ["maglev", "turbofan"]) setFlagsFromString(`--${compiler}`);
}
