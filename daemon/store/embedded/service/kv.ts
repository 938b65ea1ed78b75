// The KV service: Range, Put, DeleteRange, Txn, Compact.
import type { ServiceImpl } from "@connectrpc/connect";
import type { KV } from "../../etcd/generated/rpc_pb.js";
import { refuse } from "../errors.ts";
import type { DeleteRangeRequest, PutRequest, RequestOp, TxnRequest } from "../types.ts";
import { header, reply, type ServiceContext } from "./reply.ts";

/** etcd's --max-request-bytes. */
export const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;

export function kvService(context: ServiceContext): ServiceImpl<typeof KV> {
  const { engine } = context;
  /** Answers of the engine carry a revision; the rest of the header is the same for all. */
  const whole = <T extends { readonly header: { readonly revision: bigint } }>(answer: T) => ({
    ...answer,
    header: header(context, answer.header.revision),
  });
  return {
    range: (request) => reply(context, () => whole(engine.range(request))),
    put: (request) =>
      reply(context, async () => {
        checkSize(putBytes(request));
        return whole(await engine.put(request));
      }),
    deleteRange: (request) =>
      reply(context, async () => {
        checkSize(deleteBytes(request));
        return whole(await engine.deleteRange(request));
      }),
    txn: (request) =>
      reply(context, async () => {
        checkSize(txnBytes(request));
        return whole(await engine.txn(request));
      }),
    compact: ({ revision, physical }) =>
      reply(context, async () => {
        await engine.compact(revision, physical);
        return { header: header(context) };
      }),
  };
}

function checkSize(bytes: number): void {
  if (bytes > MAX_REQUEST_BYTES) refuse("requestTooLarge");
}

/** What a request weighs: its keys and values, and a little for each operation. */
function putBytes({ key, value }: PutRequest): number {
  return key.length + (value?.length ?? 0) + 16;
}

function deleteBytes({ key, rangeEnd }: DeleteRangeRequest): number {
  return key.length + (rangeEnd?.length ?? 0) + 16;
}

function txnBytes({ compare, success, failure }: TxnRequest): number {
  let bytes = 0;
  for (const { key, rangeEnd, targetUnion } of compare) {
    bytes += deleteBytes({ key, ...(rangeEnd === undefined ? {} : { rangeEnd }) });
    if (targetUnion.case === "value") bytes += targetUnion.value.length;
  }
  for (const op of [...success, ...failure]) bytes += opBytes(op);
  return bytes;
}

function opBytes({ request }: RequestOp): number {
  switch (request.case) {
    case "requestPut":
      return putBytes(request.value);
    case "requestRange":
    case "requestDeleteRange":
      return deleteBytes(request.value);
    case "requestTxn":
      return txnBytes(request.value);
    case undefined:
  }
  return 0;
}
