// Requests and answers of the storage engine: etcd's API (etcdserverpb, mvccpb) as plain values. Names and enum numbers
// are etcd's, so that decoded protobuf messages are requests as they stand, and answers are initialisers of messages.
// An absent request field is the protocol's zero value.

export type Bytes = Uint8Array;

/** One version of one key. */
export interface KeyValue {
  key: Bytes;
  createRevision: bigint;
  modRevision: bigint;
  /** Writes since creation; 0 only in the `kv` of a delete event. */
  version: bigint;
  value: Bytes;
  /** Id of the lease that ends the key's life, 0n for none. */
  lease: bigint;
}

/** `mvccpb.Event.EventType`. */
export const PUT = 0;
export const DELETE = 1;

export interface Event {
  type: number;
  /** For a delete only key and modRevision. */
  kv: KeyValue;
  /** The key one revision earlier, when that was asked for and is not compacted away. */
  prevKv?: KeyValue;
}

/** `RangeRequest.SortOrder` and `SortTarget`. */
export const SORT_ORDER = { NONE: 0, ASCEND: 1, DESCEND: 2 } as const;
export const SORT_TARGET = { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 } as const;

export interface RangeRequest {
  readonly key: Bytes;
  /** Empty: `key` alone. One zero byte: every key from `key` on. Else the end, not included. */
  readonly rangeEnd?: Bytes;
  readonly limit?: bigint;
  /** 0n for the newest. */
  readonly revision?: bigint;
  readonly sortOrder?: number;
  readonly sortTarget?: number;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly minModRevision?: bigint;
  readonly maxModRevision?: bigint;
  readonly minCreateRevision?: bigint;
  readonly maxCreateRevision?: bigint;
}

/** The engine knows the revision; ids and term are filled in at the gRPC edge. */
export interface Header {
  revision: bigint;
}

export interface RangeResponse {
  header: Header;
  kvs: KeyValue[];
  more: boolean;
  /** Keys in the range, whatever limit and filters. */
  count: bigint;
}

export interface PutRequest {
  readonly key: Bytes;
  readonly value?: Bytes;
  readonly lease?: bigint;
  readonly prevKv?: boolean;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
}

export interface PutResponse {
  header: Header;
  prevKv?: KeyValue;
}

export interface DeleteRangeRequest {
  readonly key: Bytes;
  readonly rangeEnd?: Bytes;
  readonly prevKv?: boolean;
}

export interface DeleteRangeResponse {
  header: Header;
  deleted: bigint;
  prevKvs: KeyValue[];
}

/** `Compare.CompareResult` and `CompareTarget`. */
export const COMPARE_RESULT = { EQUAL: 0, GREATER: 1, LESS: 2, NOT_EQUAL: 3 } as const;
export const COMPARE_TARGET = { VERSION: 0, CREATE: 1, MOD: 2, VALUE: 3, LEASE: 4 } as const;

export interface Compare {
  readonly result: number;
  readonly target: number;
  readonly key: Bytes;
  readonly rangeEnd?: Bytes;
  /** A union that does not fit the target counts as its zero value, as in etcd. */
  readonly targetUnion:
    | { readonly case: "version" | "createRevision" | "modRevision" | "lease"; readonly value: bigint }
    | { readonly case: "value"; readonly value: Bytes }
    | { readonly case: undefined; readonly value?: undefined };
}

export interface RequestOp {
  readonly request:
    | { readonly case: "requestRange"; readonly value: RangeRequest }
    | { readonly case: "requestPut"; readonly value: PutRequest }
    | { readonly case: "requestDeleteRange"; readonly value: DeleteRangeRequest }
    | { readonly case: "requestTxn"; readonly value: TxnRequest }
    | { readonly case: undefined; readonly value?: undefined };
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface ResponseOp {
  response:
    | { case: "responseRange"; value: RangeResponse }
    | { case: "responsePut"; value: PutResponse }
    | { case: "responseDeleteRange"; value: DeleteRangeResponse }
    | { case: "responseTxn"; value: TxnResponse };
}

export interface TxnResponse {
  header: Header;
  succeeded: boolean;
  responses: ResponseOp[];
}

/** `WatchCreateRequest.FilterType`. */
export const FILTER = { NOPUT: 0, NODELETE: 1 } as const;

export interface WatchCreateRequest {
  readonly key: Bytes;
  readonly rangeEnd?: Bytes;
  /** 0n: from now on. */
  readonly startRevision?: bigint;
  readonly progressNotify?: boolean;
  readonly filters?: readonly number[];
  readonly prevKv?: boolean;
  /** 0n: the server chooses. */
  readonly watchId?: bigint;
  readonly fragment?: boolean;
}

export interface WatchResponse {
  header: Header;
  watchId: bigint;
  created?: boolean;
  canceled?: boolean;
  compactRevision?: bigint;
  cancelReason?: string;
  fragment?: boolean;
  events: Event[];
}

export interface LeaseStatus {
  readonly id: bigint;
  /** Whole seconds left, rounded down; -1 when there is no such lease. */
  readonly ttl: bigint;
  /** Seconds it was granted, 0 when there is no such lease. */
  readonly grantedTtl: bigint;
  readonly keys: Bytes[];
}
