// Debian's etcdctl on `loden store`: each command that an operator of the fabric uses, with what it prints.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startLodenStore } from "../support/loden-store.ts";
import { type Started, startProcess } from "../support/processes.ts";
import type { StoreServer } from "../support/store-server.ts";

let server: StoreServer;

beforeAll(async () => {
  server = await startLodenStore();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const ctl = (...args: string[]): string => server.ctl(...args);

/** An etcdctl that goes on until it is told to stop, or takes standard input. */
function start(stdin: "ignore" | "pipe", ...args: string[]): Started {
  const env = { PATH: process.env["PATH"], ETCDCTL_API: "3", ETCDCTL_ENDPOINTS: server.endpoint };
  return startProcess("/usr/bin/etcdctl", args, { env, stdio: [stdin, "pipe", "pipe"] });
}

async function stop({ child, finished }: Started): Promise<void> {
  child.kill("SIGTERM");
  await finished;
}

async function transact(text: string): Promise<string> {
  const txn = start("pipe", "txn");
  txn.child.stdin?.end(text);
  return (await txn.finished).stdout;
}

/** The id that etcdctl prints. */
function grant(seconds: number): string {
  const [, id = "none"] =
    /^lease ([\da-f]{16}) granted with TTL\(\d+s\)\n$/.exec(ctl("lease", "grant", String(seconds))) ?? [];
  return id;
}

function revision(): number {
  const { header } = JSON.parse(ctl("get", "none", "-w", "json")) as { header: { revision: number } };
  return header.revision;
}

describe("keys", () => {
  test("put, get, del", () => {
    expect(ctl("put", "/k/1", "one")).toBe("OK\n");
    expect(ctl("put", "/k/2", "two")).toBe("OK\n");
    expect(ctl("get", "/k/1")).toBe("/k/1\none\n");
    expect(ctl("get", "--prefix", "/k/")).toBe("/k/1\none\n/k/2\ntwo\n");
    expect(ctl("get", "--prefix", "/k/", "--keys-only")).toBe("/k/1\n\n/k/2\n\n");
    expect(ctl("get", "--prefix", "/k/", "--limit=1", "--order=DESCEND", "--print-value-only")).toBe("two\n");
    expect(ctl("get", "--from-key", "/k/2", "--print-value-only")).toContain("two\n");
    expect(ctl("put", "/k/1", "uno", "--prev-kv")).toBe("OK\n/k/1\none\n");
    expect(ctl("del", "--prefix", "/k/", "--prev-kv")).toBe("2\n/k/1\nuno\n/k/2\ntwo\n");
    expect(ctl("get", "--prefix", "/k/")).toBe("");
  });

  test("get of an older revision, and after compaction", () => {
    ctl("put", "/old", "first");
    const before = revision();
    ctl("put", "/old", "second");
    expect(ctl("get", "/old", `--rev=${before}`)).toBe("/old\nfirst\n");
    expect(ctl("compaction", String(before + 1), "--physical")).toBe(`compacted revision ${before + 1}\n`);
    expect(() => ctl("get", "/old", `--rev=${before}`)).toThrow("required revision has been compacted");
    expect(() => ctl("get", "/old", `--rev=${before + 100}`)).toThrow("required revision is a future revision");
    expect(() => ctl("compaction", String(before))).toThrow("required revision has been compacted");
    expect(ctl("get", "/old")).toBe("/old\nsecond\n");
  });

  test("txn takes the branch that its comparisons say", async () => {
    ctl("put", "/t", "1");
    const request = 'value("/t") = "1"\n\nput /t 2\nget /t\n\nput /t 3\n\n';
    expect(await transact(request)).toBe("SUCCESS\n\nOK\n\n/t\n2\n");
    expect(await transact(request)).toBe("FAILURE\n\nOK\n");
    expect(ctl("get", "/t", "--print-value-only")).toBe("3\n");
    expect(await transact('mod("/absent") = "0"\n\nput /absent 1\n\n\n')).toBe("SUCCESS\n\nOK\n");
  });
});

describe("watch", () => {
  test("of a prefix, from now on", async () => {
    const watch = start("ignore", "watch", "--prefix", "/w/");
    // etcdctl does not say when it watches: keys are put until one arrives.
    const arrived = watch.printed(/PUT\n\/w\/key\n\d+\n/).then(() => true);
    let number = 0;
    do ctl("put", "/w/key", String(number++));
    while (!(await Promise.race([arrived, new Promise((resolve) => setImmediate(resolve, false))])));
    ctl("del", "/w/key");
    await watch.printed(/DELETE\n\/w\/key\n/);
    await stop(watch);
  });

  test("from an older revision, with the previous values", async () => {
    ctl("put", "/r", "one");
    const from = revision();
    ctl("put", "/r", "two");
    ctl("del", "/r");
    const watch = start("ignore", "watch", "/r", `--rev=${from}`, "--prev-kv");
    await watch.printed(/PUT\n\/r\none\nPUT\n\/r\none\n\/r\ntwo\nDELETE\n\/r\ntwo\n\/r\n/);
    await stop(watch);
  });

  test("from a revision that is compacted away", async () => {
    ctl("put", "/c", "one");
    const from = revision();
    ctl("put", "/c", "two");
    ctl("compaction", String(from + 1));
    const watch = start("ignore", "watch", "/c", `--rev=${from}`);
    const { status, stderr } = await watch.finished;
    expect(stderr).toContain(`watch was canceled (etcdserver: mvcc: required revision has been compacted)`);
    expect(status).not.toBe(0);
  });
});

describe("leases", () => {
  test("grant, timetolive, list, keep-alive, revoke", () => {
    const id = grant(100);
    ctl("put", "/l/1", "a", `--lease=${id}`);
    ctl("put", "/l/2", "b", `--lease=${id}`);
    expect(ctl("lease", "timetolive", id, "--keys")).toMatch(
      new RegExp(
        `^lease ${id} granted with TTL\\(100s\\), remaining\\((?:100|9\\d)s\\), attached keys\\(\\[/l/1 /l/2\\]\\)\n$`,
      ),
    );
    expect(ctl("lease", "list")).toContain(id);
    expect(ctl("lease", "keep-alive", id, "--once")).toBe(`lease ${id} keepalived with TTL(100)\n`);
    expect(ctl("lease", "revoke", id)).toBe(`lease ${id} revoked\n`);
    expect(ctl("get", "--prefix", "/l/")).toBe("");
    expect(ctl("lease", "timetolive", id)).toBe(`lease ${id} already expired\n`);
    expect(ctl("lease", "list")).not.toContain(id);
    expect(() => ctl("lease", "revoke", id)).toThrow("requested lease not found");
    expect(() => ctl("put", "/l/1", "a", `--lease=${id}`)).toThrow("requested lease not found");
    expect(() => ctl("lease", "keep-alive", id, "--once")).toThrow("requested lease not found");
  });

  test("a lease that is not kept alive ends with its keys; one that is goes on", async () => {
    const before = revision();
    const kept = grant(4);
    // Every third of its life.
    const keepAlive = start("ignore", "lease", "keep-alive", kept);
    const left = grant(4);
    ctl("put", "/life/left", "b", `--lease=${left}`);
    ctl("put", "/life/kept", "a", `--lease=${kept}`);
    const watch = start("ignore", "watch", "--prefix", "/life/", `--rev=${before + 1}`);
    await watch.printed(/DELETE\n\/life\/left\n/);
    await keepAlive.printed(/(?:keepalived with TTL\(4\)\n[^]*){4}/);
    expect(ctl("get", "--prefix", "/life/")).toBe("/life/kept\na\n");
    await stop(keepAlive);
    await watch.printed(/DELETE\n\/life\/kept\n/);
    await stop(watch);
  });
});

describe("the server", () => {
  test("endpoint status, as a table and as JSON", () => {
    const table = ctl("endpoint", "status", "-w", "table");
    expect(table).toMatch(/ENDPOINT .* ID .* VERSION .* DB SIZE .* IS LEADER .* RAFT TERM .* RAFT INDEX /);
    expect(table).toMatch(/\| http:\/\/127\.\S+ +\| [\da-f]+ \| 3\.4\.0\+loden\.\S+ \| +\d+ kB \| +true \| +false \|/);
    const [status] = JSON.parse(ctl("endpoint", "status", "-w", "json")) as [
      { Status: { header: { revision: number } } },
    ];
    expect(status.Status.header.revision).toBe(revision());
  });

  test("locks and elections of etcdctl, which are made of keys and leases", async () => {
    const lock = start("ignore", "lock", "mutex", "--", "echo", "held");
    await lock.printed(/held/);
    expect((await lock.finished).status).toBe(0);
    const elect = start("ignore", "elect", "office", "candidate");
    await elect.printed(/office\/[\da-f]+\ncandidate\n/);
    await stop(elect);
  });

  test("endpoint health, member list, alarm list, defrag", async () => {
    const health = start("ignore", "endpoint", "health");
    await health.printed(/is healthy: successfully committed proposal/);
    await health.finished;
    expect(ctl("member", "list")).toContain(`, started, `);
    expect(ctl("member", "list")).toContain(server.endpoint);
    expect(ctl("alarm", "list")).toBe("");
    expect(ctl("defrag")).toContain("Finished defragmenting etcd member");
  });

  test("what is not served says what is", () => {
    expect(() => ctl("user", "list")).toThrow("loden store does not serve etcdserverpb.Auth/UserList; it serves KV");
    expect(() => ctl("member", "remove", "1")).toThrow("does not serve etcdserverpb.Cluster/MemberRemove");
  });

  test("goes on after a restart with all that was there", async () => {
    ctl("put", "/stays", "here");
    const before = revision();
    await server.restart();
    expect(revision()).toBe(before);
    expect(ctl("get", "/stays")).toBe("/stays\nhere\n");
  });
});
