// The table of peers: snapshots and events, and records that cannot be read (flannel's W1, W5).
import { beforeEach, describe, expect, test } from "vitest";
import { PeerTable } from "../../../daemon/lease/peers.ts";
import { silentLog } from "../../../daemon/log.ts";
import type { Entry, StoreEvent } from "../../../daemon/store/port.ts";

let revision = 10n;

function entry(n: number, value?: string): Entry {
  revision++;
  const text = value ?? `{"PublicIP":"192.168.0.${n}","PublicIPv6":null}`;
  return { key: `10.3.${n}.0-24`, value: text, modRevision: revision, createRevision: revision, lease: 1n };
}

const snapshot = (...entries: Entry[]) => ({ type: "snapshot" as const, revision, config: undefined, entries });
const events = (...list: StoreEvent[]) => ({ type: "events" as const, revision, events: list });
const put = (of: Entry): StoreEvent => ({ type: "put", entry: of });
const gone = (n: number): StoreEvent => ({ type: "delete", key: `10.3.${n}.0-24`, modRevision: ++revision });

let table: PeerTable;
const known = (): string[] => table.leases().map(({ key, publicAddress }) => `${key} ${String(publicAddress[4])}`);

beforeEach(() => {
  table = new PeerTable("10.3.1.0-24", silentLog);
});

describe("a snapshot", () => {
  test("is the whole truth, without our own lease", () => {
    table.apply(snapshot(entry(1), entry(2), entry(3)));
    const change = table.apply(snapshot(entry(1), entry(3), entry(4)));
    expect(change.type).toBe("all");
    expect(known()).toEqual(["10.3.3.0-24 192.168.0.3", "10.3.4.0-24 192.168.0.4"]);
  });

  test("brings changed attributes of known peers", () => {
    table.apply(snapshot(entry(2)));
    table.apply(snapshot(entry(2, '{"PublicIP":"172.16.0.2"}')));
    expect(known()).toEqual(["10.3.2.0-24 172.16.0.2"]);
  });

  test("with a record that cannot be read leaves what was known of it", () => {
    table.apply(snapshot(entry(2), entry(3)));
    const change = table.apply(snapshot(entry(2, "{"), entry(3), { ...entry(4), key: "stray" }));
    expect(change).toMatchObject({ type: "all", leases: [{ key: "10.3.2.0-24" }, { key: "10.3.3.0-24" }] });
    expect([...table.unusable().keys()]).toEqual(["10.3.2.0-24", "stray"]);
    table.apply(snapshot(entry(3)));
    expect(known()).toEqual(["10.3.3.0-24 192.168.0.3"]);
    expect(table.unusable().size).toBe(0);
  });
});

describe("events", () => {
  test("add, change and remove", () => {
    table.apply(snapshot(entry(2)));
    const change = table.apply(events(put(entry(3)), gone(2), put(entry(3, '{"PublicIP":"172.16.0.3"}'))));
    expect(change).toMatchObject({ type: "some", put: [{ key: "10.3.3.0-24" }], deleted: ["10.3.2.0-24"] });
    expect(known()).toEqual(["10.3.3.0-24 172.16.0.3"]);
  });

  test("of one key are told as their end", () => {
    table.apply(snapshot(entry(2), entry(3)));
    const change = table.apply(events(gone(2), put(entry(2)), put(entry(4)), gone(4), put(entry(3)), gone(3)));
    expect(change).toMatchObject({
      type: "some",
      put: [{ key: "10.3.2.0-24" }],
      deleted: ["10.3.4.0-24", "10.3.3.0-24"],
    });
    expect(known()).toEqual(["10.3.2.0-24 192.168.0.2"]);
  });

  test("leave out our own lease and the configuration", () => {
    table.apply(snapshot(entry(2)));
    const config: StoreEvent = { type: "put", entry: { ...entry(9), key: "config" } };
    expect(table.apply(events(put(entry(1)), gone(1), config))).toEqual({ type: "some", put: [], deleted: [] });
    expect(known()).toEqual(["10.3.2.0-24 192.168.0.2"]);
  });

  test("with a value that cannot be read change nothing, until the key is deleted", () => {
    table.apply(snapshot(entry(2), entry(3)));
    expect(table.apply(events(put(entry(2, '{"PublicIP":7}'))))).toEqual({ type: "some", put: [], deleted: [] });
    expect(known()).toEqual(["10.3.2.0-24 192.168.0.2", "10.3.3.0-24 192.168.0.3"]);
    expect(table.unusable().get("10.3.2.0-24")).toContain("PublicIP");
    expect(table.apply(events(gone(2)))).toMatchObject({ deleted: ["10.3.2.0-24"] });
    expect(table.unusable().size).toBe(0);
  });

  test("report an unreadable record once", () => {
    const lines: string[] = [];
    const log = { ...silentLog, warn: (fields: { lease?: string }) => void lines.push(fields.lease ?? "") };
    const quiet = new PeerTable("10.3.1.0-24", log);
    quiet.apply(events(put(entry(2, "{"))));
    quiet.apply(events(put(entry(2, "{"))));
    quiet.apply(snapshot(entry(2, "{")));
    expect(lines).toEqual(["10.3.2.0-24"]);
  });
});

describe("a store that was restored from a backup", () => {
  const restored = (...entries: Entry[]) => ({ ...snapshot(...entries), restored: true as const });

  test("proves no peer gone whose lease it lacks", () => {
    table.apply(snapshot(entry(2), entry(3)));
    expect(table.apply(restored(entry(3)))).toMatchObject({ type: "all", leases: { length: 2 } });
    // Nor does a snapshot after it, as compaction brings.
    table.apply(snapshot(entry(3)));
    expect(known()).toEqual(["10.3.3.0-24 192.168.0.3", "10.3.2.0-24 192.168.0.2"]);
  });

  test("has what it lacks forgotten when its life is over, but not who came back", () => {
    table.apply(snapshot(entry(2), entry(3), entry(4)));
    table.apply(restored());
    table.apply(events(put(entry(3))));
    table.apply(snapshot(entry(3), entry(4)));
    expect(table.forgetMissed(table.restorations)).toEqual(["10.3.2.0-24"]);
    expect(known()).toEqual(["10.3.3.0-24 192.168.0.3", "10.3.4.0-24 192.168.0.4"]);
    expect(table.forgetMissed(table.restorations)).toEqual([]);
  });

  test("deletes what it tells the deletion of", () => {
    table.apply(snapshot(entry(2)));
    table.apply(restored());
    expect(table.apply(events(gone(2)))).toMatchObject({ deleted: ["10.3.2.0-24"] });
    expect(known()).toEqual([]);
  });

  test("more than once gives those that were missed last their own time", () => {
    table.apply(snapshot(entry(2), entry(3)));
    table.apply(restored(entry(3)));
    const first = table.restorations;
    table.apply(restored());
    expect(table.forgetMissed(first)).toEqual(["10.3.2.0-24"]);
    expect(table.forgetMissed(table.restorations)).toEqual(["10.3.3.0-24"]);
  });
});
