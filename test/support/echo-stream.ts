// Echo requests at a steady rate between two network namespaces, and which of them were answered: ping(8), told of one by
// one, so that a gap can be laid beside what happened meanwhile.
import { type Started, startProcess } from "./processes.ts";
import type { ThrowAwayNetns } from "./netns.ts";

export class Echo {
  readonly #process: Started;
  readonly #intervalMs: number;
  readonly #answered = new Set<number>();
  #last = 0;
  #changed = Promise.withResolvers<void>();
  #text = "";

  private constructor(process: Started, intervalMs: number) {
    this.#process = process;
    this.#intervalMs = intervalMs;
    process.child.stdout?.on("data", (data: string) => this.#read(data));
  }

  /** Begins; resolves after the first answer. */
  static async start(from: ThrowAwayNetns, to: string, intervalMs: number, source?: string): Promise<Echo> {
    const args = ["-n", "-i", `${intervalMs / 1_000}`, ...(source === undefined ? [] : ["-I", source]), to];
    const echo = new Echo(
      from.run(() => startProcess("ping", args)),
      intervalMs,
    );
    await echo.answeredAfter(0);
    return echo;
  }

  /** Number of the latest request that was answered. */
  get last(): number {
    return this.#last;
  }

  /** Resolves when a request with a higher number has been answered. */
  async answeredAfter(number: number): Promise<void> {
    while (this.#last <= number) await this.#changed.promise;
  }

  /** Milliseconds of the longest time without an answer between request `from` and the latest one that has one. */
  longestGap(from: number): number {
    let [longest, run] = [0, 0];
    for (let number = from; number < this.#last; number++) {
      run = this.#answered.has(number) ? 0 : run + 1;
      longest = Math.max(longest, run);
    }
    return longest * this.#intervalMs;
  }

  /** Ends it. Requests sent and answered; what was under way at the end counts for neither. */
  async stop(): Promise<{ readonly sent: number; readonly lost: number }> {
    this.#process.child.kill("SIGINT");
    await this.#process.finished;
    const lost = this.#last - [...this.#answered].filter((number) => number <= this.#last).length;
    return { sent: this.#last, lost };
  }

  #read(data: string): void {
    this.#text += data;
    const lines = this.#text.split("\n");
    this.#text = lines.pop()!;
    for (const line of lines) {
      const number = Number(/icmp_seq=(\d+) (?:hlim|ttl)=/.exec(line)?.[1]);
      if (Number.isNaN(number)) continue;
      // ping counts in 16 bits.
      const whole = number + Math.round((this.#last - number) / 65_536) * 65_536;
      this.#answered.add(whole);
      this.#last = Math.max(this.#last, whole);
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
