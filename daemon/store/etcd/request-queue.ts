// The sending side of a stream as an async iterable: what is pushed goes out in order, until the end.

export class RequestQueue<T> implements AsyncIterable<T> {
  #items: T[] = [];
  #ended = false;
  #wake = Promise.withResolvers<void>();

  push(item: T): void {
    this.#items.push(item);
    this.#wake.resolve();
  }

  end(): void {
    this.#ended = true;
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (!this.#ended) {
      const item = this.#items.shift();
      if (item !== undefined) {
        yield item;
        continue;
      }
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
  }
}
