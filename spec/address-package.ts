// Loads the IPv6 half of the ip-address package with the first text that needs it. It builds tables of special addresses
// as it loads, more than a millisecond in a CNI executable, which plugins that meet plain addresses alone must not pay.
// `require` is the only call that is
// synchronous, lazy and resolved by the bundler, which wants the names as literals; sources that run on Node as they
// are have no `require` and make one.
import type { Address6 } from "ip-address";

interface Half6 {
  readonly Address6: typeof Address6;
}

let half6: Half6 | undefined;

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
