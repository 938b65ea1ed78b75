// The store suite on the store in memory, with a clock that the rig moves.
import { MemorySubnetStore } from "../../../daemon/store/memory.ts";
import { MemoryWorld } from "../../../daemon/store/memory-world.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import type { StoreRig } from "./rig.ts";
import { storeSuite } from "./suite.ts";

storeSuite("memory", { bytes: false, server: false }, async (): Promise<StoreRig> => {
  const clock = new ManualClock();
  const world = new MemoryWorld(clock);
  const clients: MemorySubnetStore[] = [];
  return {
    connect: async () => {
      const store = new MemorySubnetStore(world, { random: { next: () => 0.5 } });
      clients.push(store);
      return { store, cut: (off) => store.partition(off) };
    },
    admin: {
      put: async (path, value) => void world.put(text(path), text(value)),
      putAll: async (records) => {
        for (const [path, value] of records) world.put(path, value);
      },
      delete: async (path) => world.delete(path),
      compact: async () => world.compact(),
      leases: async () => world.leases,
    },
    pass: (seconds) => clock.advance(seconds * 1_000),
    restart: async () => {},
    backUp: async () => {
      const copy = world.copyOut();
      return async () => world.restore(copy);
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of clients) await store.close();
      world.close();
    },
  };
});

function text(bytes: string | Uint8Array): string {
  return typeof bytes === "string" ? bytes : Buffer.from(bytes).toString();
}
