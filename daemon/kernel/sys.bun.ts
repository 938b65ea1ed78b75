// Sys in Bun: libc through its FFI. Loaded by the import "#sys" (package.json) under the condition "bun", which the
// compiled executables have. `Bun.FFI` is what the module "bun:ffi" is made of, and what is used of it here is the same;
// loading the module would cost every start 0.3 ms, a fifth of what a whole Go plugin takes (spec/decisions/runtime.md).
import { LIBC, LIBC_NAME, sysOverLibc } from "./libc.ts";
import type { BoundLibc, CType } from "./libc.ts";
import type { Sys } from "./sys.ts";

// i64_fast is a number for as long as the value fits one.
const RETURNS: Readonly<Record<CType, string>> = {
  i32: "i32",
  u32: "u32",
  i64: "i64_fast",
  u64: "u64_fast",
  ptr: "ptr",
};

interface Prototype {
  readonly args: readonly string[];
  readonly returns: string;
}

/** This process's system calls. */
export const sys: Sys = openLibc();

function openLibc(): Sys {
  const { FFI } = Bun;
  const prototypes: Record<string, Prototype> = { __errno_location: { args: [], returns: "ptr" } };
  for (const [name, { args, returns }] of Object.entries(LIBC)) prototypes[name] = { args, returns: RETURNS[returns] };
  const opened = FFI.dlopen(LIBC_NAME, prototypes);
  if (opened instanceof Error) throw opened;
  const { symbols } = opened;
  // errno lies at one address for the life of a thread: reading it there is no call that could change it.
  const errno = symbols["__errno_location"]!();
  return sysOverLibc(symbols as unknown as BoundLibc, () => FFI.read.i32(errno, 0));
}
