// The store suite on a real etcd: one server for the file, a prefix for each test.
import { afterAll, beforeAll } from "vitest";
import { startEtcd } from "../../support/etcd.ts";
import { EtcdRig } from "../../support/etcd-rig.ts";
import type { StoreServer } from "../../support/store-server.ts";
import { storeSuite } from "./suite.ts";

let etcd: StoreServer;
let count = 0;

beforeAll(async () => {
  etcd = await startEtcd();
});

afterAll(async () => {
  await etcd[Symbol.asyncDispose]();
});

storeSuite("etcd", { bytes: true, server: true }, async () => new EtcdRig(etcd, `/test/${++count}`));
