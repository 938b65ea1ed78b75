// Names for the kernel's small numbers. A number the table does not know stays a number on the way in and out, so that
// a newer kernel's value is neither lost nor fatal.

/** A two-way table between names and the kernel's numbers. */
export class NameTable<Name extends string> {
  readonly #numbers: Readonly<Record<Name, number>>;
  /** Made when first read: a CNI executable has a dozen tables, and reads with one or two. */
  #names: ReadonlyMap<number, Name> | undefined;

  constructor(numbers: Readonly<Record<Name, number>>) {
    this.#numbers = numbers;
  }

  /** The name, or the number itself where it has none. */
  name(number: number): Name | number {
    this.#names ??= new Map(Object.entries<number>(this.#numbers).map(([name, value]) => [value, name as Name]));
    return this.#names.get(number) ?? number;
  }

  number(name: Name | number): number {
    return typeof name === "number" ? name : this.#numbers[name];
  }
}
