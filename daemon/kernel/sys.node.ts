// Sys on Node: libc through koffi. Loaded by the import "#sys" (package.json) under every condition but "bun".
import koffi from "koffi";
import { LIBC, LIBC_NAME, sysOverLibc } from "./libc.ts";
import type { BoundLibc, CType } from "./libc.ts";
import type { Sys } from "./sys.ts";

const C_TYPE: Readonly<Record<CType, string>> = {
  i32: "int",
  u32: "uint",
  i64: "int64_t",
  u64: "uint64_t",
  ptr: "void *",
};

function bindLibc(): BoundLibc {
  const library = koffi.load(LIBC_NAME);
  const bind = (name: string, returns: CType, args: readonly CType[]): unknown =>
    library.func(
      name,
      C_TYPE[returns],
      args.map((type) => C_TYPE[type]),
    );
  return Object.fromEntries(
    Object.entries(LIBC).map(([name, { returns, args }]) => [name, bind(name, returns, args)]),
  ) as unknown as BoundLibc;
}

/** This process's system calls. */
export const sys: Sys = sysOverLibc(bindLibc(), () => koffi.errno());
