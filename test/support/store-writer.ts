// Somebody who writes to a store all the time, as the port wants it: compare-and-swap, and a look at what is there after
// a write that failed. It knows which writes the store has acknowledged, and complains when one of them is gone.
import { LodenError } from "#spec/errors";
import type { SubnetStore } from "../../daemon/store/port.ts";

export class StoreWriter implements AsyncDisposable {
  /** The last number that the store has said it wrote. */
  acknowledged = 0;
  /** Codes of the writes and reads that failed. */
  readonly failures: string[] = [];
  readonly key: string;
  readonly #store: SubnetStore;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #changed = Promise.withResolvers<void>();

  constructor(store: SubnetStore, key: string) {
    this.#store = store;
    this.key = key;
    this.#running = this.#run();
    // Shown by written() and the disposal.
    this.#running.catch(() => {});
  }

  /** Resolves when `count` more writes are acknowledged. */
  async written(count: number): Promise<void> {
    const goal = this.acknowledged + count;
    while (this.acknowledged < goal) await Promise.race([this.#changed.promise, this.#running]);
  }

  /** Ends with the write that is under way; rejects when an acknowledged write was lost. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("the writer stops"));
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(): Promise<void> {
    let tried = 0;
    let revision = 0n;
    let isKnown = true;
    while (!this.#stop.signal.aborted) {
      try {
        if (!isKnown) {
          const { entries } = await this.#store.snapshot();
          const found = entries.find(({ key }) => key === this.key);
          const written = Number(found?.value ?? 0);
          if (written < this.acknowledged || written > tried) {
            throw new Error(
              `${this.key} is ${written}, of ${this.acknowledged} acknowledged and ${tried} tried writes`,
            );
          }
          revision = found?.modRevision ?? 0n;
          isKnown = true;
        }
        const number = ++tried;
        const result = await this.#store.put(this.key, `${number}`, { expect: revision, ttl: undefined });
        if (result.ok) {
          this.acknowledged = number;
          revision = result.entry.modRevision;
          this.#changed.resolve();
          this.#changed = Promise.withResolvers();
        } else isKnown = false;
      } catch (error) {
        if (!(error instanceof LodenError)) throw error;
        this.failures.push(error.code);
        isKnown = false;
      }
    }
  }
}
