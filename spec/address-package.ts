// Loads the ip-address package when the first address is read or printed, and its IPv6 half with the first IPv6 one.
// Each half builds tables of special addresses as it loads, about half a millisecond in a CNI executable: a plugin that
// meets no IPv6 address, or none at all (VERSION, loopback), must not pay for them. `require` is the only call that is
// synchronous, lazy and seen by Bun's bundler, which wants the names as literals; Node must make one.
import type { Address4, Address6 } from "ip-address";

interface Half4 {
  readonly Address4: typeof Address4;
}

interface Half6 {
  readonly Address6: typeof Address6;
}

const isBun = "bun" in process.versions;

let half4: Half4 | undefined;
let half6: Half6 | undefined;

export function address4(): typeof Address4 {
  half4 ??= isBun ? (require("ip-address/dist/ipv4.js") as Half4) : (load("ip-address/dist/ipv4.js") as Half4);
  return half4.Address4;
}

export function address6(): typeof Address6 {
  half6 ??= isBun ? (require("ip-address/dist/ipv6.js") as Half6) : (load("ip-address/dist/ipv6.js") as Half6);
  return half6.Address6;
}

/** Node only. An import of node:module would cost the executables 0.15 ms. */
function load(file: string): unknown {
  return process.getBuiltinModule("node:module").createRequire(import.meta.url)(file);
}
