// What the real daemon and the real `loden config` say when the store will not have them: the cause and the cure, in words,
// and an end with a status where waiting cannot help.
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Authority } from "../support/certificates.ts";
import { startEtcd } from "../support/etcd.ts";
import { runLoden, startLodend } from "../support/lodend.ts";
import { enterFreshNetns, iproute } from "../support/netns.ts";
import { freePort, ownLoopback, type StoreServer } from "../support/store-server.ts";
import { type TempDir, tempDir } from "../support/temp-dir.ts";

const CONFIG = '{"Network":"10.77.0.0/16","Backend":{"Type":"vxlan"}}';

let directory: TempDir;
let authority: Authority;
let strangers: Authority;
/** By what is particular about it. */
let servers: Record<"users" | "expired" | "tls" | "strict" | "plain", StoreServer>;
let count = 0;

beforeAll(async () => {
  enterFreshNetns();
  iproute("link", "add", "eth0", "type", "veth", "peer", "name", "far0");
  iproute("addr", "add", "192.168.99.1/24", "dev", "eth0");
  for (const name of ["eth0", "far0"]) iproute("link", "set", name, "up");
  iproute("route", "add", "default", "via", "192.168.99.254");
  directory = tempDir("store-errors");
  authority = new Authority();
  strangers = new Authority();
  const ip = `IP:${ownLoopback()}`;
  const [users, expired, tls, strict, plain] = await Promise.all([
    startEtcd(),
    startEtcd({ tls: authority.issueExpired("expired", ip) }),
    startEtcd({ tls: authority.issue("good", ip) }),
    startEtcd({ tls: { ...authority.issue("strict", ip), clientCa: authority.certificate } }),
    startEtcd(),
  ]);
  servers = { users, expired, tls, strict, plain };
  users.ctl("user", "add", "root:root");
  users.ctl("user", "add", "nobody:secret");
  users.ctl("user", "grant-role", "root", "root");
  users.ctl("auth", "enable");
});

afterAll(async () => {
  for (const server of Object.values(servers)) await server[Symbol.asyncDispose]();
  for (const each of [authority, strangers]) each[Symbol.dispose]();
  await directory[Symbol.asyncDispose]();
});

const subnetFile = (): string => `--subnet-file=${path.join(directory.path, `case-${++count}`, "subnet.env")}`;
const endpoint = (server: StoreServer): string => `--etcd-endpoints=${server.endpoint}`;

interface Case {
  readonly name: string;
  readonly args: () => string[];
  readonly says: readonly RegExp[];
}

const withClient = ({ certificate, key }: { certificate: string; key: string }): string[] => [
  `--etcd-cafile=${authority.certificate}`,
  `--etcd-certfile=${certificate}`,
  `--etcd-keyfile=${key}`,
];

const REFUSALS: readonly Case[] = [
  {
    name: "no user",
    args: () => [endpoint(servers.users)],
    says: [/this etcd asks for a user: give the etcd user name and password/],
  },
  {
    name: "a wrong password",
    args: () => [endpoint(servers.users), "--etcd-username=root", "--etcd-password=guess"],
    says: [/invalid user ID or password/, /check the etcd user name and password/],
  },
  {
    name: "a user without rights",
    args: () => [endpoint(servers.users), "--etcd-username=nobody", "--etcd-password=secret"],
    says: [/permission denied/, /etcdctl role grant-permission/],
  },
  {
    name: "an etcd with an expired certificate",
    args: () => [endpoint(servers.expired), `--etcd-cafile=${authority.certificate}`],
    says: [/certificate has expired/, /renew etcd's certificate/],
  },
  {
    name: "an authority that did not sign etcd's certificate",
    args: () => [endpoint(servers.tls), `--etcd-cafile=${strangers.certificate}`],
    says: [/not signed by the CA given \(--etcd-cafile\)/],
  },
  {
    name: "no authority for etcd's certificate",
    args: () => [endpoint(servers.tls)],
    says: [/--etcd-cafile/],
  },
  {
    name: "no client certificate",
    args: () => [endpoint(servers.strict), `--etcd-cafile=${authority.certificate}`],
    says: [/etcd refuses our client certificate \(--etcd-certfile, --etcd-keyfile\)/],
  },
  {
    name: "a client certificate of strangers",
    args: () => [endpoint(servers.strict), ...withClient(strangers.issue("client"))],
    says: [/etcd refuses our client certificate \(--etcd-certfile, --etcd-keyfile\)/],
  },
  {
    name: "an expired client certificate",
    args: () => [endpoint(servers.strict), ...withClient(authority.issueExpired("old", `IP:${ownLoopback()}`))],
    says: [/etcd refuses our client certificate \(--etcd-certfile, --etcd-keyfile\)/],
  },
];

describe.each(REFUSALS)("$name", ({ args, says }) => {
  test("ends the daemon and loden config with status 1, cause and cure", async () => {
    const given = args();
    const secret = given.find((arg) => arg.startsWith("--etcd-password="))?.replace(/.*=/, "");
    const [daemon, command] = await Promise.all([
      startLodend([...given, subnetFile()]).finished,
      runLoden("config", "get", ...given),
    ]);
    for (const { status, stdout, stderr } of [daemon, command]) {
      expect([status, stdout]).toEqual([1, ""]);
      for (const text of says) expect(stderr).toMatch(text);
      if (secret !== undefined) expect(stderr).not.toContain(secret);
    }
    expect(daemon.stderr).toContain('"code":"ERR_STORE_AUTH"');
  });
});

test("an endpoint where nothing listens: loden config ends, and the daemon waits until something does", async () => {
  const dead = `--etcd-endpoints=http://${ownLoopback()}:${await freePort()}`;
  expect(await runLoden("config", "get", dead)).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/connect ECONNREFUSED .*nothing listens there; is etcd running\?/),
  });
  await servers.plain.kill();
  const daemon = startLodend([endpoint(servers.plain), subnetFile()]);
  await daemon.printed(/ECONNREFUSED .*is etcd running\?/);
  await servers.plain.run();
  // While etcd starts, its port may be open and not answer, which is another text.
  await daemon.printed(/"code":"ERR_STORE_UNAVAILABLE","msg":"over: /);
  await daemon.printed(/flannel config not found in etcd store/);
  daemon.child.kill("SIGTERM");
  expect((await daemon.finished).status).toBe(0);
});

test("a full store: the daemon says how to make room, and goes on once there is", async () => {
  await using full = await startEtcd({ flags: { "quota-backend-bytes": "1000000" } });
  full.ctl("put", "/coreos.com/network/config", CONFIG);
  const fill = (n: number): void => {
    full.ctl("put", `/filler/${n}`, "x".repeat(100_000));
    fill(n + 1);
  };
  expect(() => fill(0)).toThrow(/database space exceeded/);
  const cure =
    /database space exceeded \(compact and defragment etcd or raise its quota, then clear the alarm \(etcdctl alarm disarm\)\)/;
  expect(await runLoden("config", "put", CONFIG, endpoint(full))).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(cure),
  });
  expect(await runLoden("config", "get", endpoint(full))).toMatchObject({ status: 0, stdout: `${CONFIG}\n` });
  const daemon = startLodend([endpoint(full), subnetFile()]);
  await daemon.printed(new RegExp(`ERR_STORE_FULL.*${cure.source}`));
  // As the text says.
  full.ctl("del", "--prefix", "/filler/");
  const { Status } = (
    JSON.parse(full.ctl("endpoint", "status", "-w", "json")) as { Status: { header: { revision: number } } }[]
  )[0]!;
  full.ctl("compact", "--physical", String(Status.header.revision));
  full.ctl("defrag");
  full.ctl("alarm", "disarm");
  await daemon.printed(/"msg":"ready: /);
  daemon.child.kill("SIGTERM");
  expect((await daemon.finished).status).toBe(0);
});
