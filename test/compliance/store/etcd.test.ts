// The store suite on a real etcd: one server for the file, a prefix for each test.
import { afterAll, beforeAll } from "vitest";
import { Etcd } from "../../support/etcd.ts";
import { EtcdRig } from "../../support/etcd-rig.ts";
import { storeSuite } from "./suite.ts";

let etcd: Etcd;
let count = 0;

beforeAll(async () => {
  etcd = await Etcd.start();
});

afterAll(async () => {
  await etcd[Symbol.asyncDispose]();
});

storeSuite("etcd", async () => new EtcdRig(etcd, `/test/${++count}`, false));
