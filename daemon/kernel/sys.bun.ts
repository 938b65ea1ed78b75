// Sys in Bun: libc through bun:ffi. Loaded by the import "#sys" (package.json) under the condition "bun", which the
// compiled executables have.
import { dlopen, read } from "bun:ffi";
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

function bindLibc(): BoundLibc {
  const prototypes = Object.fromEntries(
    Object.entries(LIBC).map(([name, { returns, args }]) => [name, { args, returns: RETURNS[returns] }]),
  );
  return dlopen(LIBC_NAME, prototypes).symbols as unknown as BoundLibc;
}

/** errno lies at one address for the life of a thread: reading it there is no call that could change it. */
function errnoReader(): () => number {
  const location = dlopen(LIBC_NAME, { __errno_location: { args: [], returns: "ptr" } }).symbols.__errno_location();
  return () => read.i32(location, 0);
}

/** This process's system calls. */
export const sys: Sys = sysOverLibc(bindLibc(), errnoReader());
