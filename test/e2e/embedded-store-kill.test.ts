// kill -9 of the embedded store while several clients write, 200 times: what was acknowledged is there, revisions only
// rise, transactions are whole, and a watch that resumes after each kill misses nothing and sees nothing that was lost.
import { expect, test } from "vitest";
import { type RawEtcd, rawEtcd } from "../support/etcd-raw.ts";
import { startLodenStore } from "../support/loden-store.ts";

const KILLS = 200;
const WRITERS = 6;

/** One change as it was acknowledged, or as a watch brought it. */
interface Change {
  readonly revision: bigint;
  readonly key: string;
  readonly value: string;
}

class Record {
  readonly acknowledged: Change[] = [];
  /** Per writer: the last number that was sent, and the last that was acknowledged. */
  readonly sent = Array.from({ length: WRITERS }, () => 0);
  readonly done = Array.from({ length: WRITERS }, () => 0);
  readonly leases: bigint[] = [];
  readonly seen: Change[] = [];
  newest = 1n;

  /** A write was acknowledged: its revision must be above all that were acknowledged before it was sent. */
  acknowledge(before: bigint, changes: readonly Change[]): void {
    for (const change of changes) {
      expect(change.revision).toBeGreaterThan(before);
      this.acknowledged.push(change);
      if (change.revision > this.newest) this.newest = change.revision;
    }
  }
}

const key = (text: string): Uint8Array => Buffer.from(text);

// Each start takes a quarter of a second, and on a machine that is busy with other tests several times that.
test(`${KILLS} kills lose nothing`, { timeout: 900_000 }, async () => {
  await using server = await startLodenStore();
  const record = new Record();
  let kills = 0;
  while (kills < KILLS) {
    const client = rawEtcd(server.endpoint);
    await checkAfterStart(client, record);
    // From one write in a life to some dozens: moments before, within and after the store's own work at its start.
    const limit = 1 + ((kills * 7919) % 37);
    let acknowledged = 0;
    const dying = Promise.withResolvers<void>();
    const onAcknowledged = (): void => {
      acknowledged++;
      if (acknowledged === limit) dying.resolve(server.kill());
    };
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(client, record, writer, onAcknowledged));
    await Promise.all([...writers, watch(client, record), grant(client, record), dying.promise]);
    client.close();
    kills++;
    await server.run();
  }
  const client = rawEtcd(server.endpoint);
  await checkAfterStart(client, record);
  await checkHistory(client, record);
  client.close();
  expect(record.acknowledged.length).toBeGreaterThan(KILLS);
});

/** Writes until the store is gone. Even writers put one key, odd ones two keys in one transaction. */
async function write(client: RawEtcd, record: Record, writer: number, onAcknowledged: () => void): Promise<void> {
  for (;;) {
    const number = (record.sent[writer] ?? 0) + 1;
    record.sent[writer] = number;
    const value = String(number);
    const names = writer % 2 === 0 ? [`w/${writer}`] : [`w/${writer}`, `w/${writer}/twin`];
    const before = record.newest;
    const success = names.map((name) => ({
      request: { case: "requestPut" as const, value: { key: key(name), value: key(value) } },
    }));
    const answer =
      names.length === 1 ? client.kv.put({ key: key(names[0] ?? ""), value: key(value) }) : client.kv.txn({ success });
    // Killed: whether this write happened is not known, the next one has another number.
    const acknowledged = await answer.catch(() => undefined);
    if (acknowledged === undefined) return;
    const revision = acknowledged.header?.revision ?? 0n;
    record.acknowledge(
      before,
      names.map((name) => ({ revision, key: name, value })),
    );
    record.done[writer] = number;
    onAcknowledged();
  }
}

/** Grants leases until the store is gone. */
async function grant(client: RawEtcd, record: Record): Promise<void> {
  try {
    for (;;) {
      const { ID } = await client.lease.leaseGrant({ TTL: 3600n });
      record.leases.push(ID);
    }
  } catch {
    return;
  }
}

/** Goes on after the last revision that was seen, until the store is gone. */
async function watch(client: RawEtcd, record: Record): Promise<void> {
  const startRevision = (record.seen.at(-1)?.revision ?? 1n) + 1n;
  try {
    for await (const { events } of client.watch.watch(watchRequest(startRevision))) {
      for (const { kv } of events) if (kv !== undefined) record.seen.push(changeOf(kv));
    }
  } catch {
    return;
  }
}

async function* watchRequest(startRevision: bigint) {
  const value = { key: key("w/"), rangeEnd: key("w0"), startRevision };
  yield { requestUnion: { case: "createRequest" as const, value } };
  // The stream is open until the store or the client breaks it off.
  await new Promise(() => undefined);
}

function changeOf(kv: { readonly modRevision: bigint; readonly key: Uint8Array; readonly value: Uint8Array }): Change {
  return { revision: kv.modRevision, key: Buffer.from(kv.key).toString(), value: Buffer.from(kv.value).toString() };
}

async function checkAfterStart(client: RawEtcd, record: Record): Promise<void> {
  const { header, kvs } = await client.kv.range({ key: key("w/"), rangeEnd: key("w0") });
  expect(header?.revision).toBeGreaterThanOrEqual(record.newest);
  const values = new Map(kvs.map((kv) => [Buffer.from(kv.key).toString(), Number(Buffer.from(kv.value).toString())]));
  for (let writer = 0; writer < WRITERS; writer++) {
    const value = values.get(`w/${writer}`) ?? 0;
    expect(value).toBeGreaterThanOrEqual(record.done[writer] ?? 0);
    expect(value).toBeLessThanOrEqual(record.sent[writer] ?? 0);
    if (writer % 2 === 1) expect(values.get(`w/${writer}/twin`) ?? 0).toBe(value);
  }
  const { leases } = await client.lease.leaseLeases({});
  const alive = new Set(leases.map(({ ID }) => ID));
  expect(record.leases.filter((lease) => !alive.has(lease))).toEqual([]);
}

/** One watch from the beginning has every acknowledged change, and is what the resumed watch has seen piece by piece. */
async function checkHistory(client: RawEtcd, record: Record): Promise<void> {
  const end = await client.kv.put({ key: key("w/~end"), value: key("end") });
  const last = end.header?.revision ?? 0n;
  const whole: Change[] = [];
  for await (const { events } of client.watch.watch(watchRequest(2n))) {
    for (const { kv } of events) if (kv !== undefined) whole.push(changeOf(kv));
    if ((whole.at(-1)?.revision ?? 0n) >= last) break;
  }
  const name = ({ revision, key: of, value }: Change): string => `${revision} ${of}=${value}`;
  const happened = new Set(whole.map(name));
  expect(record.acknowledged.map(name).filter((text) => !happened.has(text))).toEqual([]);
  const seen = record.seen.map(name);
  expect(seen).toEqual(whole.slice(0, seen.length).map(name));
  const distinct = [...new Set(whole.map(({ revision }) => revision))];
  expect(distinct).toEqual(distinct.toSorted((a, b) => Number(a - b)));
}
