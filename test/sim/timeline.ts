// Virtual time: what is due runs in the order of its time, then of its planning, and everything that follows from it
// (all microtasks) runs before what comes next. Nothing else moves in a simulation, so that a run can be repeated.

export interface Timer {
  cancelled: boolean;
}

interface Planned extends Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class Timeline {
  #now = 0;
  #planned = 0;
  #ran = 0;
  /** A binary heap, the earliest first. */
  readonly #heap: Planned[] = [];
  /** Called after each event and all that followed from it. */
  afterEach: () => void = () => undefined;

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.#now;
  }

  /** Events so far. */
  get events(): number {
    return this.#ran;
  }

  after(ms: number, run: () => void): Timer {
    const timer: Planned = { at: this.#now + Math.max(0, ms), order: this.#planned++, run, cancelled: false };
    this.#push(timer);
    return timer;
  }

  /** Lets time pass up to `end`. */
  async until(end: number): Promise<void> {
    await drained();
    this.afterEach();
    for (;;) {
      const [next] = this.#heap;
      if (next === undefined || next.at > end) break;
      this.#pop();
      if (next.cancelled) continue;
      this.#now = next.at;
      this.#ran += 1;
      next.run();
      await drained();
      this.afterEach();
    }
    this.#now = end;
  }

  #push(timer: Planned): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isEarlier(heap[parent]!, timer)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isEarlier(heap[child + 1]!, heap[child]!)) child += 1;
      if (isEarlier(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isEarlier(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Resolves when all microtasks have run: Node takes up its queue of ticks only when that of microtasks is empty. */
export function drained(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
