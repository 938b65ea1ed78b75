// Where the Bun of this checkout is, in which the executables of the plugins run.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const NAMES = process.arch === "arm64" ? ["bun-linux-aarch64"] : ["bun-linux-x64-baseline"];

/** The path of Bun's executable; throws when npm did not install it. */
export function bunPath(): string {
  for (const name of NAMES) {
    const file = fileURLToPath(new URL(`../../node_modules/@oven/${name}/bin/bun`, import.meta.url));
    if (existsSync(file)) return file;
  }
  throw new Error(`no Bun in node_modules/@oven (${NAMES.join(", ")}): run npm install`);
}
