// What every SubnetStore must do (daemon/store/port.ts). Run by memory.test.ts, etcd.test.ts and embedded.test.ts, each
// with a rig of its own. Nothing here waits for a time: only for what the store says.
import type { StoreRig, StoreTraits } from "./rig.ts";
import { recordTests } from "./suite-records.ts";
import { storeLeaseTests } from "./suite-leases.ts";
import { watchTests } from "./suite-watch.ts";
import { outageTests } from "./suite-outage.ts";
import { describe } from "vitest";

export function storeSuite(name: string, traits: StoreTraits, rig: () => Promise<StoreRig>): void {
  describe(`SubnetStore: ${name}`, () => {
    describe("records", () => recordTests(rig, traits));
    describe("store leases", () => storeLeaseTests(rig));
    describe("watch", () => watchTests(rig, traits));
    describe("outages", () => outageTests(rig, traits));
  });
}
