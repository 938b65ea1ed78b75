// Random operations on an etcd key space, for tests that compare two implementations of it. Keys come from a few that
// touch each other, revisions are counted back from the newest, so that most operations meet something.
import * as fc from "fast-check";
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "../../daemon/store/embedded/types.ts";

/** What an operation needs to know of the moment when it is run. */
export interface Moment {
  readonly current: bigint;
  /** Before every key. */
  readonly prefix: string;
  /** Added to the small numbers that stand for leases. */
  readonly leaseBase: bigint;
}

export type Operation =
  | { readonly do: "range"; readonly request: RangeRequest }
  | { readonly do: "put"; readonly request: PutRequest }
  | { readonly do: "deleteRange"; readonly request: DeleteRangeRequest }
  | { readonly do: "txn"; readonly request: TxnRequest }
  | { readonly do: "compact"; readonly revision: bigint }
  | { readonly do: "grant"; readonly id: bigint }
  | { readonly do: "revoke"; readonly id: bigint }
  | { readonly do: "leaseKeys"; readonly id: bigint };

const NAMES = ["", "a", "a/", "a/b", "b", "b\u{0}", "b\u{ff}", "c"] as const;
const SORT_KEY = 0;

/** A request as a function of the moment. */
type At<T> = (moment: Moment) => T;

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const key = fc.constantFrom(...NAMES.slice(1)).map(
  (name): At<Uint8Array> =>
    ({ prefix }) =>
      bytes(prefix + name),
);
/** Rarely what is refused: no key. */
const anyKey = fc.oneof(
  { weight: 30, arbitrary: key },
  { weight: 1, arbitrary: fc.constant((): Uint8Array => bytes("")) },
);
const rangeEnd = fc.oneof(
  { weight: 3, arbitrary: fc.constant((): Uint8Array => bytes("")) },
  { weight: 3, arbitrary: key },
  { weight: 2, arbitrary: fc.constant(({ prefix }: Moment): Uint8Array => bytes(`${prefix}\u{ff}`)) },
  { weight: 1, arbitrary: fc.constant((): Uint8Array => bytes("\u{0}")) },
);
const value = fc.constantFrom("", "x", "y", "\u{0}\u{ff}").map(bytes);
/** Newest (0), some back, or one too far ahead. */
const revision = fc
  .oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constant(-1) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 12 }) },
  )
  .map(
    (back): At<bigint> =>
      ({ current }) =>
        back === undefined || current <= back ? 0n : current - BigInt(back),
  );
const leaseNumber = fc.integer({ min: 1, max: 3 });
const lease = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: leaseNumber }).map(
  (number): At<bigint> =>
    ({ leaseBase }) =>
      number === 0 ? 0n : leaseBase + BigInt(number),
);
const bound = fc.oneof({ weight: 4, arbitrary: fc.constant((): bigint => 0n) }, { weight: 1, arbitrary: revision });
const often = fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });

/** A record of functions of the moment, as one. */
function together<T extends object>(parts: { readonly [K in keyof T]: fc.Arbitrary<At<T[K]>> }): fc.Arbitrary<At<T>> {
  return fc.record(parts as Record<string, fc.Arbitrary<At<unknown>>>).map(
    (functions): At<T> =>
      (moment) =>
        Object.fromEntries(Object.entries(functions).map(([name, at]) => [name, at(moment)])) as T,
  );
}

const fixed = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<At<T>> => arbitrary.map((one) => () => one);

const range = fc
  .tuple(
    together<RangeRequest>({
      key: anyKey,
      rangeEnd,
      revision,
      limit: fixed(fc.constantFrom(0n, 0n, 1n, 2n, 3n)),
      sortOrder: fixed(fc.integer({ min: 0, max: 2 })),
      sortTarget: fixed(fc.integer({ min: 0, max: 4 })),
      keysOnly: fixed(often),
      countOnly: fixed(often),
      minModRevision: bound,
      maxModRevision: bound,
      minCreateRevision: bound,
      maxCreateRevision: bound,
    }),
  )
  .map(([at]): At<RangeRequest> => (moment) => {
    const request = at(moment);
    // etcd's sort is not stable: which of equals comes first, and is cut off, is not defined.
    return request.sortTarget === SORT_KEY ? request : { ...request, limit: 0n };
  });

const put = fc
  .tuple(
    together<PutRequest>({
      key: anyKey,
      value: fixed(value),
      lease,
      prevKv: fixed(often),
      ignoreValue: fixed(often),
      ignoreLease: fixed(often),
    }),
    fc.integer({ min: 0, max: 9 }),
  )
  .map(([at, form]): At<PutRequest> => (moment) => {
    const request = at(moment);
    // What contradicts itself is refused; mostly it should not.
    return form === 0
      ? request
      : {
          ...request,
          value: request.ignoreValue === true ? bytes("") : (request.value ?? bytes("")),
          lease: request.ignoreLease === true ? 0n : (request.lease ?? 0n),
        };
  });

const deleteRange = together<DeleteRangeRequest>({ key: anyKey, rangeEnd, prevKv: fixed(often) });

const compare = fc
  .record({
    key: anyKey,
    rangeEnd,
    result: fc.integer({ min: 0, max: 3 }),
    target: fc.integer({ min: 0, max: 4 }),
    small: fc.bigInt({ min: 0n, max: 2n }),
    revision,
    lease,
    value,
  })
  .map((parts): At<Compare> => (moment) => {
    const { result, target } = parts;
    const base = { key: parts.key(moment), rangeEnd: parts.rangeEnd(moment), result, target };
    const unions: Compare["targetUnion"][] = [
      { case: "version", value: parts.small },
      { case: "createRevision", value: parts.revision(moment) },
      { case: "modRevision", value: parts.revision(moment) },
      { case: "value", value: parts.value },
      { case: "lease", value: parts.lease(moment) },
    ];
    return { ...base, targetUnion: unions[target] ?? { case: undefined } };
  });

/** Deletions "from key on" stand for every key after them: kept out where etcd overlooks that they do. */
function txn(depth: number): fc.Arbitrary<At<TxnRequest>> {
  const op = fc.oneof(
    {
      weight: 2,
      arbitrary: range.map((at): At<RequestOp> => (m) => ({ request: { case: "requestRange", value: at(m) } })),
    },
    {
      weight: 4,
      arbitrary: put.map((at): At<RequestOp> => (m) => ({ request: { case: "requestPut", value: at(m) } })),
    },
    {
      weight: 2,
      arbitrary: deleteRange.map((at): At<RequestOp> => (m) => {
        const request = at(m);
        const isOpen = request.rangeEnd?.length === 1 && request.rangeEnd[0] === 0;
        return {
          request: { case: "requestDeleteRange", value: isOpen ? { ...request, rangeEnd: bytes("") } : request },
        };
      }),
    },
    ...(depth > 0
      ? [
          {
            weight: 1,
            arbitrary: txn(depth - 1).map((at): At<RequestOp> => (m) => ({
              request: { case: "requestTxn", value: at(m) },
            })),
          },
        ]
      : []),
  );
  const list = fc.array(op, { maxLength: 3 }).map(
    (all): At<RequestOp[]> =>
      (moment) =>
        all.map((at) => at(moment)),
  );
  return together<TxnRequest>({
    compare: fc.array(compare, { maxLength: 2 }).map(
      (all): At<Compare[]> =>
        (moment) =>
          all.map((at) => at(moment)),
    ),
    success: list,
    failure: list,
  });
}

const leaseId = leaseNumber.map(
  (number): At<bigint> =>
    ({ leaseBase }) =>
      leaseBase + BigInt(number),
);

export const anyOperation: fc.Arbitrary<At<Operation>> = fc.oneof(
  {
    weight: 6,
    arbitrary: put.map((at): At<Operation> => (m) => ({ do: "put", request: at(m) })),
  },
  {
    weight: 5,
    arbitrary: range.map((at): At<Operation> => (m) => ({ do: "range", request: at(m) })),
  },
  {
    weight: 3,
    arbitrary: deleteRange.map((at): At<Operation> => (m) => ({ do: "deleteRange", request: at(m) })),
  },
  {
    weight: 5,
    arbitrary: txn(2).map((at): At<Operation> => (m) => ({ do: "txn", request: at(m) })),
  },
  {
    weight: 2,
    arbitrary: revision.map((at): At<Operation> => (m) => ({ do: "compact", revision: at(m) })),
  },
  {
    weight: 2,
    arbitrary: leaseId.map((at): At<Operation> => (m) => ({ do: "grant", id: at(m) })),
  },
  {
    weight: 1,
    arbitrary: leaseId.map((at): At<Operation> => (m) => ({ do: "revoke", id: at(m) })),
  },
  {
    weight: 1,
    arbitrary: leaseId.map((at): At<Operation> => (m) => ({ do: "leaseKeys", id: at(m) })),
  },
);

/** A watch over some of the keys, from some revision back. */
export interface WatchOperation {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly startRevision: bigint;
  readonly prevKv: boolean;
  readonly filters: number[];
}

export const anyWatch: fc.Arbitrary<At<WatchOperation>> = together<WatchOperation>({
  key,
  rangeEnd: fc.oneof(
    fc.constant((): Uint8Array => bytes("")),
    fc.constant(({ prefix }: Moment): Uint8Array => bytes(`${prefix}\u{ff}`)),
  ),
  startRevision: fc.integer({ min: 0, max: 9 }).map(
    (back): At<bigint> =>
      ({ current }) =>
        current <= back ? 1n : current - BigInt(back),
  ),
  prevKv: fixed(fc.boolean()),
  filters: fixed(fc.constantFrom<number[]>([], [], [0], [1])),
});
