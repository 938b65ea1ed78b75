// The store suite on `loden store`: one server for the file, a prefix for each test.
import { afterAll, beforeAll } from "vitest";
import { EtcdRig } from "../../support/etcd-rig.ts";
import { startLodenStore } from "../../support/loden-store.ts";
import type { StoreServer } from "../../support/store-server.ts";
import { storeSuite } from "./suite.ts";

let server: StoreServer;
let count = 0;

beforeAll(async () => {
  server = await startLodenStore();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

storeSuite("embedded", { bytes: true, server: true }, async () => new EtcdRig(server, `/test/${++count}`));
