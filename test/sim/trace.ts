// What happened, for people: one line per event with the virtual time and who it befell. Off unless asked for, so that
// runs that find nothing cost nothing.

export class Trace {
  readonly #lines: string[] | undefined;
  readonly #now: () => number;

  constructor(isOn: boolean, now: () => number) {
    this.#lines = isOn ? [] : undefined;
    this.#now = now;
  }

  get isOn(): boolean {
    return this.#lines !== undefined;
  }

  add(who: string, what: string): void {
    this.#lines?.push(`${(this.#now() / 1_000).toFixed(3).padStart(9)} ${who.padEnd(6)} ${what}`);
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }
}
