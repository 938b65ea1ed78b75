// What the store answers when it refuses: etcd's error texts with their gRPC status codes (etcd 3.4,
// etcdserver/api/v3rpc/rpctypes). Clients compare the text, so each is exact.
import { Code } from "@connectrpc/connect";
import { LodenError } from "#spec/errors";

const REFUSALS = {
  emptyKey: [Code.InvalidArgument, "etcdserver: key is not provided"],
  keyNotFound: [Code.InvalidArgument, "etcdserver: key not found"],
  valueProvided: [Code.InvalidArgument, "etcdserver: value is provided"],
  leaseProvided: [Code.InvalidArgument, "etcdserver: lease is provided"],
  tooManyOps: [Code.InvalidArgument, "etcdserver: too many operations in txn request"],
  duplicateKey: [Code.InvalidArgument, "etcdserver: duplicate key given in txn request"],
  requestTooLarge: [Code.InvalidArgument, "etcdserver: request is too large"],
  compacted: [Code.OutOfRange, "etcdserver: mvcc: required revision has been compacted"],
  futureRevision: [Code.OutOfRange, "etcdserver: mvcc: required revision is a future revision"],
  noSpace: [Code.ResourceExhausted, "etcdserver: mvcc: database space exceeded"],
  leaseNotFound: [Code.NotFound, "etcdserver: requested lease not found"],
  leaseExists: [Code.FailedPrecondition, "etcdserver: lease already exists"],
  leaseTtlTooLarge: [Code.OutOfRange, "etcdserver: too large lease TTL"],
  authNotEnabled: [Code.FailedPrecondition, "etcdserver: authentication is not enabled"],
  stopped: [Code.Unavailable, "etcdserver: server stopped"],
  corrupt: [Code.DataLoss, "etcdserver: corrupt cluster"],
  responseTooLarge: [
    Code.ResourceExhausted,
    "loden store: the records in this range do not fit in one answer; read them in pages with a limit",
  ],
} as const satisfies Record<string, readonly [Code, string]>;

export type Refusal = keyof typeof REFUSALS;

/** An answer, not a fault of the store: `status` and `message` go to the client as they are. */
export class RefusedError extends Error {
  readonly refusal: Refusal;
  readonly status: Code;

  constructor(refusal: Refusal) {
    const [status, text] = REFUSALS[refusal];
    super(text);
    this.name = "RefusedError";
    this.refusal = refusal;
    this.status = status;
  }
}

export function refuse(refusal: Refusal): never {
  throw new RefusedError(refusal);
}

/** Primary result codes of SQLite (sqlite3.h) that need an answer of their own. */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

function sqliteCode(error: unknown): number | undefined {
  const code: unknown = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  return typeof code === "number" ? code & 0xff : undefined;
}

/** Another connection holds the database. */
export function isLocked(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_BUSY;
}

/** The disk has no room. Nothing was written. */
export function isDiskFull(error: unknown): boolean {
  return sqliteCode(error) === SQLITE_FULL;
}

export function isCorrupt(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB;
}

/** Damage to the database file, with what the user can do about it. */
export function corruptError(file: string, detail: string, cause?: unknown): LodenError {
  return new LodenError(
    "ERR_STORE_CORRUPT",
    `the store's database ${file} is damaged (${detail}). Put back a copy of it, or move its directory away and start ` +
      "with an empty one: write the network configuration again, and every running node will write its lease anew",
    { fields: { file }, ...(cause === undefined ? {} : { cause }) },
  );
}
