// The store's directory: made private, checked to be ours, and a note in it of who has it open, for the message that a
// second process gives. The lock itself is SQLite's on the database file: the kernel drops it when its holder dies.
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { errorText, LodenError } from "#spec/errors";

export const DATABASE_NAME = "store.db";
const OWNER_NAME = "owner.json";

/** Who has the directory open. */
export interface Owner {
  readonly pid: number;
  /** RFC 3339. */
  readonly since: string;
  readonly listen: readonly string[];
}

/**
 * Makes `dir` with mode 0700, or checks that it may be used: it must be empty or hold a store.
 * @throws LodenError ERR_STORE
 */
export function prepareDataDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const names = readdirSync(dir).filter((name) => name !== "lost+found");
    if (names.length > 0 && !names.includes(DATABASE_NAME)) {
      // Nothing in it is touched, its mode neither: it may be /tmp or a home directory.
      throw new LodenError(
        "ERR_STORE",
        `--data-dir ${dir} is neither empty nor the directory of a store (no ${DATABASE_NAME} in it): name one of its own`,
        { fields: { dir } },
      );
    }
    if ((statSync(dir).mode & 0o077) !== 0) chmodSync(dir, 0o700);
    // Opened by SQLite, never by us: closing a file drops this process's locks on it. An empty file is a new database.
    if (names.length === 0) writeFileSync(path.join(dir, DATABASE_NAME), "", { mode: 0o600, flag: "wx" });
    else chmodSync(path.join(dir, DATABASE_NAME), 0o600);
  } catch (cause) {
    if (cause instanceof LodenError) throw cause;
    throw new LodenError("ERR_STORE", `cannot use the store's directory ${dir}: ${errorText(cause)}`, {
      cause,
      fields: { dir },
    });
  }
}

export function writeOwner(dir: string, owner: Owner): void {
  const temporary = path.join(dir, `${OWNER_NAME}.${owner.pid}`);
  writeFileSync(temporary, `${JSON.stringify(owner)}\n`, { mode: 0o600 });
  renameSync(temporary, path.join(dir, OWNER_NAME));
}

export function removeOwner(dir: string): void {
  rmSync(path.join(dir, OWNER_NAME), { force: true });
}

/** @returns the error for a directory that another process has open, naming that process where its note can be read */
export function lockedError(dir: string, cause: unknown): LodenError {
  const owner = readOwner(dir);
  const who =
    owner === undefined
      ? "another process"
      : `process ${owner.pid} (since ${owner.since}${owner.listen.length === 0 ? "" : `, listening on ${owner.listen.join(", ")}`})`;
  return new LodenError(
    "ERR_STORE_LOCKED",
    `the store's directory ${dir} is in use by ${who}: end that process or give another --data-dir`,
    { cause, fields: { dir, ...(owner === undefined ? {} : { pid: owner.pid }) } },
  );
}

function readOwner(dir: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path.join(dir, OWNER_NAME), "utf8"));
    const { pid, since, listen } = value as Partial<Owner>;
    if (typeof pid !== "number" || typeof since !== "string" || !Array.isArray(listen)) return undefined;
    return { pid, since, listen: listen.map(String) };
  } catch {
    // The note is a courtesy: the lock holds without it.
    return undefined;
  }
}
