// Who marks the end of a lease, when several daemons see it: one of them, in a while that chance gives each.
import { describe, expect, test } from "vitest";
import { ReleaseMarker } from "../../../daemon/lease/release-marks.ts";
import { silentLog } from "../../../daemon/log.ts";
import { type MemoryFaults, MemorySubnetStore } from "../../../daemon/store/memory.ts";
import { MemoryWorld } from "../../../daemon/store/memory-world.ts";
import { LodenError } from "#spec/errors";
import { seededRandom } from "../../support/app-rig.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const KEY = "10.3.7.0-24";
const MINUTE = 60_000;

class Rig {
  readonly clock = new ManualClock();
  readonly world = new MemoryWorld(this.clock);
  readonly stop = new AbortController();
  /** Requests to mark. */
  requests = 0;

  marker(n: number, shape: { faults?: MemoryFaults; remembered?: readonly string[] } = {}): MemorySubnetStore {
    const { faults, remembered = [] } = shape;
    const random = seededRandom(n);
    const before: MemoryFaults["before"] = async (call) => {
      if (call.method === "markReleased") this.requests += 1;
      // What one daemon writes reaches the others after a while.
      if (call.method === "watch") await this.clock.sleep(20);
      await faults?.before?.(call);
    };
    const store = new MemorySubnetStore(this.world, { name: `n${n}`, random, faults: { before } });
    const marker = new ReleaseMarker({ store, clock: this.clock, random, log: silentLog });
    marker.remember(remembered);
    const { signal } = this.stop;
    void (async () => {
      for await (const result of store.watch({ signal })) marker.observe(result);
    })();
    void marker.keep(signal);
    return store;
  }

  lease(key: string, ttl = 60): void {
    this.world.put(`subnets/${key}`, "{}", this.world.grant(ttl));
  }

  get marks(): string[] {
    const records = this.world.list("released/").toSorted((a, b) => Number(a.modRevision - b.modRevision));
    return records.map(({ key }) => key.replace("released/", ""));
  }
}

describe("a lease that ends", () => {
  test("is marked once, with few requests, however many see it", async () => {
    const rig = new Rig();
    for (let n = 1; n <= 100; n++) rig.lease(`10.3.${n + 10}.0-24`, 86_400);
    rig.lease(KEY);
    for (let n = 1; n <= 100; n++) rig.marker(n);
    await rig.clock.advance(2 * MINUTE);
    expect(rig.marks).toEqual([KEY]);
    expect(rig.requests).toBeLessThanOrEqual(5);
    rig.stop.abort();
  });

  test("is marked after the one before it, and goes with its day", async () => {
    const rig = new Rig();
    rig.lease("10.3.9.0-24", 60);
    rig.lease(KEY, 30);
    rig.lease("rubbish", 30);
    rig.marker(1);
    await rig.clock.advance(2 * MINUTE);
    expect(rig.marks).toEqual([KEY, "10.3.9.0-24"]);
    await rig.clock.advance(86_400_000);
    expect(rig.marks).toEqual([]);
    rig.stop.abort();
  });

  test("and is taken again at once is not marked", async () => {
    const rig = new Rig();
    rig.lease(KEY, 30);
    // Alone, a daemon waits for less than 100 ms.
    const lives = Array.from({ length: 100 }, (_, n) => `10.3.${n + 10}.0-24`);
    for (const key of lives) rig.lease(key, 86_400);
    rig.marker(1);
    await rig.clock.advance(30_030);
    rig.lease(KEY, 86_400);
    await rig.clock.advance(MINUTE);
    expect([rig.requests, rig.marks]).toEqual([0, []]);
    rig.stop.abort();
  });

  test("while nobody watched is marked when somebody does again", async () => {
    const rig = new Rig();
    rig.lease(KEY, 30);
    const store = rig.marker(1);
    await rig.clock.advance(1_000);
    store.partition(true);
    await rig.clock.advance(MINUTE);
    expect(rig.marks).toEqual([]);
    store.partition(false);
    await rig.clock.advance(MINUTE);
    expect(rig.marks).toEqual([KEY]);
    rig.marker(2, { remembered: ["10.3.9.0-24", KEY, "rubbish"] });
    await rig.clock.advance(MINUTE);
    expect(rig.marks).toEqual([KEY, "10.3.9.0-24"]);
    rig.stop.abort();
  });

  test("before a backup from before it was restored is not marked: nobody has seen it end", async () => {
    const rig = new Rig();
    const copy = rig.world.copyOut();
    rig.lease(KEY, 3_600);
    rig.marker(1);
    await rig.clock.advance(1_000);
    rig.world.restore(copy);
    await rig.clock.advance(MINUTE);
    expect([rig.requests, rig.marks]).toEqual([0, []]);
    rig.stop.abort();
  });

  test("is not marked where the store refuses that, and all goes on", async () => {
    const rig = new Rig();
    const faults: MemoryFaults = {
      before: ({ method, subject }) => {
        if (method === "markReleased" && subject === KEY) throw new LodenError("ERR_STORE_AUTH", "permission denied");
      },
    };
    rig.lease(KEY, 30);
    rig.lease("10.3.9.0-24", 60);
    rig.marker(1, { faults });
    await rig.clock.advance(2 * MINUTE);
    expect(rig.marks).toEqual(["10.3.9.0-24"]);
    rig.stop.abort();
  });
});
