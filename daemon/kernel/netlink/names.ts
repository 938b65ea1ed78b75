// Names for the kernel's small numbers. A number the table does not know stays a number on the way in and out, so that
// a newer kernel's value is neither lost nor fatal.

/** A two-way table between names and the kernel's numbers. */
export class NameTable<Name extends string> {
  readonly #numbers: Readonly<Record<Name, number>>;
  readonly #names: ReadonlyMap<number, Name>;

  constructor(numbers: Readonly<Record<Name, number>>) {
    this.#numbers = numbers;
    this.#names = new Map(Object.entries<number>(numbers).map(([name, number]) => [number, name as Name]));
  }

  /** The name, or the number itself where it has none. */
  name(number: number): Name | number {
    return this.#names.get(number) ?? number;
  }

  number(name: Name | number): number {
    return typeof name === "number" ? name : this.#numbers[name];
  }
}
