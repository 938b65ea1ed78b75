// The embedded store inside a test's process, in a directory of its own, on a clock that the test moves.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "../../daemon/store/embedded/engine.ts";
import { type EmbeddedStore, type EmbeddedStoreOptions, openEmbeddedStore } from "../../daemon/store/embedded/open.ts";
import type { KeyValue, WatchCreateRequest, WatchResponse } from "../../daemon/store/embedded/types.ts";
import type { WatchSession } from "../../daemon/store/embedded/watch.ts";
import { ManualClock } from "./manual-clock.ts";
import { type TempDir, tempDir } from "./temp-dir.ts";

let home: TempDir | undefined;

/** A new directory, which is gone with this test process at the latest, even when that is killed. */
export function freshDirectory(): string {
  home ??= tempDir("embedded");
  return mkdtempSync(join(home.path, "store-"));
}

export class TemporaryStore implements AsyncDisposable {
  readonly directory = freshDirectory();
  readonly clock: ManualClock;
  store: EmbeddedStore;
  readonly #options: Partial<EmbeddedStoreOptions>;
  #copies = 0;
  #dataDir = join(this.directory, "data");

  constructor(options: Partial<EmbeddedStoreOptions> = {}, clock = new ManualClock()) {
    this.#options = options;
    this.clock = clock;
    this.store = this.#open();
  }

  get engine(): Engine {
    return this.store.engine;
  }

  get dataDir(): string {
    return this.#dataDir;
  }

  /** Stops the store and starts it again on its data, on the same clock. */
  async restart(): Promise<void> {
    await this.store.close();
    this.store = this.#open();
  }

  /** Goes on with what is on the disk at this moment, as after kill -9. */
  async crash(): Promise<void> {
    const copy = join(this.directory, `copy-${++this.#copies}`);
    cpSync(this.#dataDir, copy, { recursive: true });
    await this.store.close();
    this.#dataDir = copy;
    this.store = this.#open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #open(): EmbeddedStore {
    return openEmbeddedStore({ clock: this.clock, ...this.#options, dataDir: this.#dataDir });
  }
}

/** Keys and values of tests are text. */
export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
export const text = (value: Uint8Array): string => Buffer.from(value).toString();

/** `key=value@modRevision` of every key from `from` on. */
export function contents(engine: Engine, from = "\u{0}"): string[] {
  return engine.range({ key: bytes(from), rangeEnd: bytes("\u{0}") }).kvs.map(describeRecord);
}

export function describeRecord(kv: KeyValue): string {
  return `${text(kv.key)}=${text(kv.value)}@${kv.modRevision}`;
}

/** A watch stream whose answers are taken one by one. */
export class TestWatch {
  readonly session: WatchSession;
  readonly #engine: Engine;
  readonly #answers: AsyncGenerator<WatchResponse, void>;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.session = engine.watch();
    this.#answers = this.session.responses();
  }

  /** Creates a watch of all keys below `prefix` and takes the answer. */
  async create(prefix: string, request: Partial<WatchCreateRequest> = {}): Promise<WatchResponse> {
    await this.session.create({ key: bytes(prefix), rangeEnd: bytes(`${prefix}\u{7f}`), ...request });
    return await this.next();
  }

  /** The next answer; waits for it. */
  async next(): Promise<WatchResponse> {
    const { value } = await this.#answers.next();
    if (value === undefined) throw new Error("the stream has ended");
    return value;
  }

  /** All answers there are now: asks for progress, which comes after them. */
  async all(): Promise<WatchResponse[]> {
    this.session.requestProgress();
    const answers: WatchResponse[] = [];
    for (let answer = await this.next(); answer.watchId !== -1n; answer = await this.next()) answers.push(answer);
    return answers;
  }

  end(): void {
    this.#engine.end(this.session);
  }
}

/** `PUT key=value@rev` or `DELETE key@rev`, and what was there before. */
export function describeEvents({ events }: WatchResponse): string[] {
  return events.map(({ type, kv, prevKv }) => {
    const what = type === 0 ? `PUT ${describeRecord(kv)}` : `DELETE ${text(kv.key)}@${kv.modRevision}`;
    return prevKv === undefined ? what : `${what} was ${describeRecord(prevKv)}`;
  });
}
