// What a transaction may look like, checked before it is applied: etcd's limits, and no key changed twice at one
// revision (etcdserver/api/v3rpc/key.go of etcd 3.4). Stricter than etcd in two places where it lets a key be changed
// twice against its own documentation: a put beside a deletion "from key on", and a put in one nested transaction beside
// a deletion in a later one.
import { refuse } from "./errors.ts";
import { contains, type KeyRange, keyRange } from "./key-range.ts";
import type { RequestOp, TxnRequest } from "./types.ts";
import { checkPutForm } from "./write.ts";

/** etcd's --max-txn-ops. */
const MAX_TXN_OPS = 128;

/** @throws RefusedError tooManyOps, emptyKey, keyNotFound, valueProvided, leaseProvided, duplicateKey */
export function checkTxn(request: TxnRequest): void {
  checkForm(request, MAX_TXN_OPS);
  changesOf(request.success);
  changesOf(request.failure);
}

function checkForm(request: TxnRequest, allowed: number): void {
  const size = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (size > allowed) refuse("tooManyOps");
  for (const { key } of request.compare) if (key.length === 0) refuse("emptyKey");
  // Nesting uses up the allowance, so its depth is bounded as well.
  for (const op of [...request.success, ...request.failure]) checkOp(op, allowed - size);
}

function checkOp({ request }: RequestOp, allowed: number): void {
  switch (request.case) {
    case "requestRange":
    case "requestDeleteRange":
      if (request.value.key.length === 0) refuse("emptyKey");
      return;
    case "requestPut":
      checkPutForm(request.value);
      return;
    case "requestTxn":
      checkForm(request.value, allowed);
      return;
    case undefined:
      // etcd's answer to an empty operation.
      refuse("keyNotFound");
  }
}

interface Changes {
  /** Keys as latin1 text, with their bytes. */
  readonly puts: Map<string, Uint8Array>;
  readonly deletions: KeyRange[];
}

/** All that a list of operations may change, whichever branches of nested transactions are taken. */
function changesOf(ops: readonly RequestOp[]): Changes {
  const all: Changes = { puts: new Map(), deletions: [] };
  for (const { request } of ops) {
    if (request.case === "requestDeleteRange") {
      add(all, { puts: new Map(), deletions: [keyRange(request.value.key, request.value.rangeEnd)] });
    } else if (request.case === "requestPut") {
      const { key } = request.value;
      add(all, { puts: new Map([[Buffer.from(key).toString("latin1"), key]]), deletions: [] });
    } else if (request.case === "requestTxn") {
      // Only one branch runs, so the same key may be in both.
      const success = changesOf(request.value.success);
      const failure = changesOf(request.value.failure);
      add(all, {
        puts: new Map([...success.puts, ...failure.puts]),
        deletions: [...success.deletions, ...failure.deletions],
      });
    }
  }
  return all;
}

/** Deletions may overlap: the second finds nothing. */
function add(all: Changes, more: Changes): void {
  for (const [name, key] of more.puts) {
    if (all.puts.has(name) || all.deletions.some((range) => contains(range, key))) refuse("duplicateKey");
  }
  for (const range of more.deletions) {
    for (const key of all.puts.values()) if (contains(range, key)) refuse("duplicateKey");
  }
  for (const [name, key] of more.puts) all.puts.set(name, key);
  all.deletions.push(...more.deletions);
}
