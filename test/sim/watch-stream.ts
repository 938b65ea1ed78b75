// A watch of the simulated store, the server's side: events in order of revision from where the client asked, in
// batches and fragments, progress on request, and the end when history was compacted under it.
import type { MemoryChange } from "../../daemon/store/memory-world.ts";
import { type Header, type KeyValue, keyValueOf, type Member, type SimEtcd } from "./etcd.ts";

export interface WatchMessage {
  readonly header: Header;
  readonly watchId: bigint;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: bigint;
  readonly cancelReason: string;
  readonly fragment: boolean;
  readonly events: readonly WatchEvent[];
}

interface WatchEvent {
  /** 0 PUT, 1 DELETE. */
  readonly type: 0 | 1;
  readonly kv: KeyValue;
}

interface WatchRequest {
  readonly requestUnion:
    | { readonly case: "createRequest"; readonly value: { readonly startRevision: bigint } }
    | { readonly case: "progressRequest" };
}

/** Of answers to a progress request: -1 as an unsigned number. */
const NO_WATCH = (1n << 64n) - 1n;

/** Milliseconds that the server gathers events for at most. */
const GATHERING = 100;

export class WatchStream {
  readonly #etcd: SimEtcd;
  readonly #member: Member;
  readonly #send: (message: WatchMessage) => void;
  /** Everything up to here has been sent. */
  #sent: bigint | undefined;
  #isWoken = false;
  #ended = false;

  constructor(etcd: SimEtcd, member: Member, send: (message: WatchMessage) => void) {
    this.#etcd = etcd;
    this.#member = member;
    this.#send = send;
  }

  take({ requestUnion }: WatchRequest): void {
    if (this.#ended) return;
    if (requestUnion.case === "progressRequest") {
      // As etcd did before 3.4.25: it may claim a revision whose events are still to come.
      this.#tell({ watchId: NO_WATCH });
      return;
    }
    const { startRevision } = requestUnion.value;
    const { world } = this.#etcd;
    if (startRevision < world.compacted) {
      this.#compacted(true);
      return;
    }
    this.#sent = startRevision - 1n < world.compacted ? world.compacted : startRevision - 1n;
    this.#tell({ created: true }, this.#applied);
    this.wake();
  }

  /** Something may have changed. */
  wake(): void {
    if (this.#ended || this.#isWoken || this.#sent === undefined) return;
    this.#isWoken = true;
    const { timeline, random } = this.#etcd;
    timeline.after(random.chance(0.7) ? 0 : random.between(1, GATHERING), () => {
      this.#isWoken = false;
      this.#flush();
    });
  }

  end(): void {
    this.#ended = true;
    this.#member.streams.delete(this);
  }

  get #applied(): bigint {
    return this.#member.lagsAt ?? this.#etcd.world.revision;
  }

  #flush(): void {
    if (this.#ended || this.#sent === undefined) return;
    const changes = this.#etcd.world.since(this.#sent);
    if (changes === undefined) {
      this.#compacted(false);
      return;
    }
    const shown = changes.filter((change) => change.revision <= this.#applied);
    const last = shown.at(-1);
    if (last === undefined) return;
    this.#sent = last.revision;
    const events = shown.flatMap(eventsOf);
    const { random } = this.#etcd;
    while (events.length > 1 && random.chance(0.2)) {
      this.#tell({ events: events.splice(0, random.between(1, events.length - 1)), fragment: true });
    }
    this.#tell({ events });
  }

  #compacted(created: boolean): void {
    this.#tell({ created, canceled: true, compactRevision: this.#etcd.world.compacted });
    this.end();
  }

  #tell(message: Partial<WatchMessage>, revision?: bigint): void {
    const header = this.#etcd.header(this.#member, revision);
    const blank = { watchId: 0n, created: false, canceled: false, compactRevision: 0n, cancelReason: "" };
    this.#send({ header, ...blank, fragment: false, events: [], ...message });
  }
}

function eventsOf({ revision, keys }: MemoryChange): WatchEvent[] {
  return keys.map(({ key, record }) => {
    if (record !== undefined) return { type: 0, kv: keyValueOf(record) };
    const gone = { value: new Uint8Array(), modRevision: revision, createRevision: 0n, lease: 0n };
    return { type: 1, kv: { key: Buffer.from(key), ...gone } };
  });
}
