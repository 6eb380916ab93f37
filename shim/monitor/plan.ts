/**
 * Writes a plan for a native program: words, each ended by NUL (shim/native/common/plan.h). A word cannot contain NUL;
 * config.json was checked for that when it was read.
 */
export class Plan {
  readonly #words: string[] = [];

  /** Adds an operation with its arguments. Numbers are written in decimal. */
  add(operation: string, ...words: readonly (string | number | bigint)[]): this {
    this.#words.push(operation);
    for (const word of words) {
      const text = typeof word === 'string' ? word : word.toString();
      if (text.includes('\0')) throw new TypeError(`a word of the operation ${operation} contains NUL`);
      this.#words.push(text);
    }
    return this;
  }

  append(plan: Plan): this {
    // Not all of them as arguments of one call, of which there may not be so many.
    for (const word of plan.#words) this.#words.push(word);
    return this;
  }

  toString(): string {
    return this.#words.length === 0 ? '' : `${this.#words.join('\0')}\0`;
  }
}
