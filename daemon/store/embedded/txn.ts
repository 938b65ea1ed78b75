// Transactions: comparisons, then one of two lists of operations, nested as deep as the limit on operations allows.
// All that is chosen is checked before anything is changed, so a refused transaction leaves nothing behind.
import type { StoreDatabase } from "./database.ts";
import { compareBytes, compareNumbers, isEmptyRange, keyRange } from "./key-range.ts";
import { checkRevision, iterateRange } from "./read.ts";
import {
  type Compare,
  COMPARE_RESULT,
  COMPARE_TARGET,
  type KeyValue,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from "./types.ts";
import type { WriteTransaction } from "./write.ts";

/** A transaction with its branches chosen: nested ones are judged on the state before the whole, as in etcd. */
interface Chosen {
  readonly succeeded: boolean;
  readonly ops: readonly { readonly op: RequestOp; readonly nested?: Chosen }[];
}

/**
 * Applies a request that txn-check.ts has let pass.
 * @throws RefusedError compacted, futureRevision, keyNotFound, leaseNotFound
 */
export function applyTxn(transaction: WriteTransaction, request: TxnRequest): TxnResponse {
  const chosen = choose(transaction.db, request);
  checkPuts(transaction, chosen);
  checkRanges(transaction, chosen);
  const response = apply(transaction, chosen);
  response.header.revision = transaction.revision;
  return response;
}

/** Whether the request can change anything; what cannot needs no write transaction. */
export function isReadOnly(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every(
    ({ request: op }) => op.case === "requestRange" || (op.case === "requestTxn" && isReadOnly(op.value)),
  );
}

function choose(db: StoreDatabase, request: TxnRequest): Chosen {
  const succeeded = request.compare.every((compare) => holds(db, compare));
  const ops = (succeeded ? request.success : request.failure).map((op) =>
    op.request.case === "requestTxn" ? { op, nested: choose(db, op.request.value) } : { op },
  );
  return { succeeded, ops };
}

/** All puts before all ranges, as etcd does: it decides which error is told. */
function checkPuts(transaction: WriteTransaction, { ops }: Chosen): void {
  for (const { op, nested } of ops) {
    if (nested !== undefined) checkPuts(transaction, nested);
    else if (op.request.case === "requestPut") {
      transaction.checkKept(op.request.value);
      transaction.checkLease(op.request.value);
    }
  }
}

function checkRanges(transaction: WriteTransaction, { ops }: Chosen): void {
  for (const { op, nested } of ops) {
    if (nested !== undefined) checkRanges(transaction, nested);
    else if (op.request.case === "requestRange") checkRevision(op.request.value.revision ?? 0n, transaction.base);
  }
}

function apply(transaction: WriteTransaction, chosen: Chosen): TxnResponse {
  const responses = chosen.ops.map(({ op, nested }) => ({ response: applyOp(transaction, op, nested) }));
  // etcd leaves the header of a nested answer at 0.
  return { header: { revision: 0n }, succeeded: chosen.succeeded, responses };
}

function applyOp(transaction: WriteTransaction, { request }: RequestOp, nested?: Chosen): ResponseOp["response"] {
  switch (request.case) {
    case "requestRange":
      return { case: "responseRange", value: transaction.range(request.value) };
    case "requestPut":
      return { case: "responsePut", value: transaction.put(request.value) };
    case "requestDeleteRange":
      return { case: "responseDeleteRange", value: transaction.deleteRange(request.value) };
    case "requestTxn":
    case undefined:
  }
  if (nested === undefined) throw new TypeError("an empty operation was let pass");
  return { case: "responseTxn", value: apply(transaction, nested) };
}

const ABSENT: KeyValue = {
  key: new Uint8Array(0),
  createRevision: 0n,
  modRevision: 0n,
  version: 0n,
  value: new Uint8Array(0),
  lease: 0n,
};

/** A comparison of a range must hold for every key in it; an absent key counts as zeros, but has no value to compare. */
function holds(db: StoreDatabase, compare: Compare): boolean {
  const range = keyRange(compare.key, compare.rangeEnd);
  let isAny = false;
  if (!isEmptyRange(range)) {
    for (const kv of iterateRange(db, range)) {
      isAny = true;
      if (!isTrue(compare, kv)) return false;
    }
  }
  return isAny || (compare.target !== COMPARE_TARGET.VALUE && isTrue(compare, ABSENT));
}

function isTrue(compare: Compare, kv: KeyValue): boolean {
  const order = compareTarget(compare, kv);
  switch (compare.result) {
    case COMPARE_RESULT.EQUAL:
      return order === 0;
    case COMPARE_RESULT.NOT_EQUAL:
      return order !== 0;
    case COMPARE_RESULT.GREATER:
      return order > 0;
    case COMPARE_RESULT.LESS:
      return order < 0;
    default:
      // etcd lets a comparison that it does not know hold.
      return true;
  }
}

function compareTarget({ target, targetUnion }: Compare, kv: KeyValue): number {
  const number = (name: typeof targetUnion.case, actual: bigint): number => {
    const wanted = targetUnion.case === name && typeof targetUnion.value === "bigint" ? targetUnion.value : 0n;
    return compareNumbers(actual, wanted);
  };
  switch (target) {
    case COMPARE_TARGET.VERSION:
      return number("version", kv.version);
    case COMPARE_TARGET.CREATE:
      return number("createRevision", kv.createRevision);
    case COMPARE_TARGET.MOD:
      return number("modRevision", kv.modRevision);
    case COMPARE_TARGET.LEASE:
      return number("lease", kv.lease);
    case COMPARE_TARGET.VALUE:
      return compareBytes(kv.value, targetUnion.case === "value" ? targetUnion.value : ABSENT.value);
    default:
      return 0;
  }
}
