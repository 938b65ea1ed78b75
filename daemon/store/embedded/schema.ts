// The tables of the embedded store. Every version of every key is one row that says from which revision until which it
// held; a range at any revision is then one condition, and what compaction may remove is another.
import type { DatabaseSync } from "node:sqlite";

/** "Lods" in ASCII: tells the file apart from other SQLite databases (PRAGMA application_id). */
export const APPLICATION_ID = 0x4c6f6473;

/** Raised when a table changes (PRAGMA user_version). */
export const SCHEMA_VERSION = 1;

/** `until` of a version that still holds: the largest int64. */
export const FOREVER = 9_223_372_036_854_775_807n;

/**
 * history: `revision` wrote the row, `until` is the revision that superseded or deleted it. A deletion is a row of its
 * own with version 0; its `until` is the next revision, so that compaction at the deletion itself keeps it for watches
 * that start there. A key changes at most once per revision (txn-check.ts sees to it).
 * leases: `remaining` is the checkpoint of the seconds left; null stands for the whole `ttl`.
 */
const TABLES = `
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE history (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL,
  revision INTEGER NOT NULL,
  until INTEGER NOT NULL,
  create_revision INTEGER NOT NULL,
  version INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  value BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX history_current ON history (key) WHERE until = ${FOREVER};
CREATE UNIQUE INDEX history_key ON history (key, revision, until);
CREATE INDEX history_revision ON history (revision);
CREATE INDEX history_superseded ON history (until) WHERE until < ${FOREVER};
CREATE INDEX history_lease ON history (lease) WHERE until = ${FOREVER} AND lease <> 0;
CREATE TABLE leases (
  id INTEGER PRIMARY KEY,
  ttl INTEGER NOT NULL,
  remaining INTEGER
) STRICT;
`;

export type MetaName = "revision" | "compacted" | "raft_term" | "cluster_id" | "member_id";

/** Makes the tables of an empty database, in one transaction with what identifies it. */
export function createSchema(db: DatabaseSync, meta: Readonly<Record<MetaName, bigint>>): void {
  db.exec("BEGIN IMMEDIATE");
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION};`);
  db.exec(TABLES);
  const insert = db.prepare("INSERT INTO meta (name, value) VALUES (?, ?)");
  for (const [name, value] of Object.entries(meta)) insert.run(name, value);
  db.exec("COMMIT");
}
