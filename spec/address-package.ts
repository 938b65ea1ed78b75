// Loads the ip-address package when the first address is read or printed, and its IPv6 half with the first IPv6 one.
// Each half builds tables of special addresses as it loads, about half a millisecond in a CNI executable: a plugin that
// meets no IPv6 address, or none at all (VERSION, loopback), must not pay for them. `require` is the only call that is
// synchronous, lazy and resolved by the bundler, which wants the names as literals; sources that run on Node as they
// are have no `require` and make one.
import type { Address4, Address6 } from "ip-address";

interface Half4 {
  readonly Address4: typeof Address4;
}

interface Half6 {
  readonly Address6: typeof Address6;
}

let half4: Half4 | undefined;
let half6: Half6 | undefined;

export function address4(): typeof Address4 {
  half4 ??= bundledOr(() => require("ip-address/dist/ipv4.js") as Half4, "ip-address/dist/ipv4.js");
  return half4.Address4;
}

export function address6(): typeof Address6 {
  half6 ??= bundledOr(() => require("ip-address/dist/ipv6.js") as Half6, "ip-address/dist/ipv6.js");
  return half6.Address6;
}

function bundledOr<T>(bundled: () => T, file: string): T {
  try {
    return bundled();
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    // Not an import: that of node:module would cost the executables 0.15 ms.
    return process.getBuiltinModule("node:module").createRequire(import.meta.url)(file) as T;
  }
}
