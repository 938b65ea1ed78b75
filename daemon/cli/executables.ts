// Where the executables of this installation lie: beside the running bundle in a build, in dist/ in a checkout.
import { existsSync } from "node:fs";
import path from "node:path";
import { LodenError } from "#spec/errors";

export interface Executables {
  readonly lodend: string;
  readonly loden: string;
  /** The directory that holds one executable per CNI plugin. */
  readonly cni: string;
}

/** @throws LodenError ERR_MISSING_TOOL when there is no build. */
export function findExecutables(): Executables {
  const here = import.meta.dirname;
  const base = [path.join(here, "../.."), path.join(here, "../../dist")].find((dir) =>
    existsSync(path.join(dir, "bin/lodend")),
  );
  if (base === undefined) {
    throw new LodenError("ERR_MISSING_TOOL", `no executables beside ${here}: make them with "npm run build"`);
  }
  return { lodend: path.join(base, "bin/lodend"), loden: path.join(base, "bin/loden"), cni: path.join(base, "cni") };
}
