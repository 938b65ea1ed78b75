// What an ADD has done, so that a failure undoes it: the steps back, run last first, none of them stopped by another.

export class Undo {
  readonly #steps: (() => void)[] = [];

  /** To be called right after the step it undoes. */
  add(step: () => void): void {
    this.#steps.push(step);
  }

  /** Goes all the way back. Errors are left to the DEL that the runtime sends after a failed ADD. */
  run(): void {
    for (const step of this.#steps.toReversed()) {
      try {
        step();
      } catch {
        continue;
      }
    }
  }
}
