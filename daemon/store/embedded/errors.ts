// What the store answers when it refuses: etcd's error texts with their gRPC status codes (etcd 3.4,
// etcdserver/api/v3rpc/rpctypes). Clients compare the text, so each is exact.
import { LodenError } from "#spec/errors";

/** gRPC status codes (google.rpc.Code) that the store uses. */
export const STATUS = {
  CANCELED: 1,
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
} as const;

const REFUSALS = {
  emptyKey: [STATUS.INVALID_ARGUMENT, "etcdserver: key is not provided"],
  keyNotFound: [STATUS.INVALID_ARGUMENT, "etcdserver: key not found"],
  valueProvided: [STATUS.INVALID_ARGUMENT, "etcdserver: value is provided"],
  leaseProvided: [STATUS.INVALID_ARGUMENT, "etcdserver: lease is provided"],
  tooManyOps: [STATUS.INVALID_ARGUMENT, "etcdserver: too many operations in txn request"],
  duplicateKey: [STATUS.INVALID_ARGUMENT, "etcdserver: duplicate key given in txn request"],
  requestTooLarge: [STATUS.INVALID_ARGUMENT, "etcdserver: request is too large"],
  compacted: [STATUS.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"],
  futureRevision: [STATUS.OUT_OF_RANGE, "etcdserver: mvcc: required revision is a future revision"],
  noSpace: [STATUS.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"],
  leaseNotFound: [STATUS.NOT_FOUND, "etcdserver: requested lease not found"],
  leaseExists: [STATUS.FAILED_PRECONDITION, "etcdserver: lease already exists"],
  leaseTtlTooLarge: [STATUS.OUT_OF_RANGE, "etcdserver: too large lease TTL"],
  authNotEnabled: [STATUS.FAILED_PRECONDITION, "etcdserver: authentication is not enabled"],
  stopped: [STATUS.UNAVAILABLE, "etcdserver: server stopped"],
  corrupt: [STATUS.DATA_LOSS, "etcdserver: corrupt cluster"],
  responseTooLarge: [
    STATUS.RESOURCE_EXHAUSTED,
    "loden store: the records in this range do not fit in one answer; read them in pages with a limit",
  ],
} as const satisfies Record<string, readonly [number, string]>;

export type Refusal = keyof typeof REFUSALS;

/** An answer, not a fault of the store: `status` and `message` go to the client as they are. */
export class RefusedError extends Error {
  readonly refusal: Refusal;
  readonly status: number;

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
