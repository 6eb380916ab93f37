/**
 * JSON whose integers stay exact. A config.json holds 64-bit integers (RLIM_INFINITY is 18446744073709551615), and
 * JSON.parse rounds those above 2^53; its reviver sees the source text only from Node 21 on. So: where no 16 digits
 * stand in a row, which is nearly always, JSON.parse reads the text; else, and to tell line and column of an error,
 * which JSON.parse names only sometimes, the parser below does. It accepts the same language (RFC 8259).
 */

/** What `parseJson` throws. `message` names line and column, counted from 1, and what was expected there. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
}

/** 2^53 has 16 digits, so a number with fewer is always exact. */
const LONG_DIGITS = /[0-9]{16}/;

/** Far above any real document, far below what would exhaust the stack. */
const MAX_DEPTH = 512;

/**
 * The value of a JSON text. Integers beyond ±(2^53 - 1) come as `bigint`, all other numbers as `number`. As with
 * JSON.parse, the last of several equal keys wins, and `__proto__` is a key like any other.
 */
export function parseJson(text: string): unknown {
  if (!LONG_DIGITS.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      // Read again below, for the position.
    }
  }
  return new Parser(text).document();
}

/** Tab, line feed, carriage return, blank. */
const SPACE = new Set([0x09, 0x0a, 0x0d, 0x20]);

class Parser {
  private position = 0;
  private depth = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  document(): unknown {
    const value = this.value();
    this.skipSpace();
    if (this.position < this.text.length) throw this.error('the end of the text');
    return value;
  }

  private value(): unknown {
    this.skipSpace();
    switch (this.text[this.position]) {
      case '{':
        return this.nested(() => this.object());
      case '[':
        return this.nested(() => this.array());
      case '"':
        return this.string();
      case 't':
        return this.literal('true', true);
      case 'f':
        return this.literal('false', false);
      case 'n':
        return this.literal('null', null);
      default:
        return this.number();
    }
  }

  private nested<T>(read: () => T): T {
    if (++this.depth > MAX_DEPTH) throw this.error(`at most ${MAX_DEPTH} nested lists and objects`);
    const value = read();
    this.depth--;
    return value;
  }

  private object(): unknown {
    const entries: [string, unknown][] = [];
    this.position++;
    this.skipSpace();
    if (this.take('}')) return {};
    do {
      this.skipSpace();
      if (this.text[this.position] !== '"') throw this.error('a property name in double quotes');
      const key = this.string();
      this.skipSpace();
      if (!this.take(':')) throw this.error("':'");
      entries.push([key, this.value()]);
      this.skipSpace();
    } while (this.take(','));
    if (!this.take('}')) throw this.error("',' or '}'");
    return Object.fromEntries(entries);
  }

  private array(): unknown {
    const items: unknown[] = [];
    this.position++;
    this.skipSpace();
    if (this.take(']')) return items;
    do {
      items.push(this.value());
      this.skipSpace();
    } while (this.take(','));
    if (!this.take(']')) throw this.error("',' or ']'");
    return items;
  }

  private string(): string {
    const start = this.position;
    const token = this.text.slice(start, this.stringEnd(start));
    try {
      // What is left to it: escapes, and that no control character stands unescaped.
      const value = JSON.parse(token) as string;
      this.position += token.length;
      return value;
    } catch {
      throw this.error('a string without control characters and with valid escapes');
    }
  }

  /** The position after the closing quote. */
  private stringEnd(start: number): number {
    for (let i = start + 1; i < this.text.length; i++) {
      if (this.text[i] === '\\') i++;
      else if (this.text[i] === '"') return i + 1;
    }
    throw this.error("a closing '\"' for this string");
  }

  private number(): number | bigint {
    const pattern = /-?(?:0|[1-9][0-9]*)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.text);
    if (match === null) throw this.error('a value');
    const token = match[0];
    this.position += token.length;
    const value = Number(token);
    return match[1] === '' && !Number.isSafeInteger(value) ? BigInt(token) : value;
  }

  private literal<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.position)) throw this.error('a value');
    this.position += word.length;
    return value;
  }

  private take(character: string): boolean {
    if (this.text[this.position] !== character) return false;
    this.position++;
    return true;
  }

  private skipSpace(): void {
    while (SPACE.has(this.text.charCodeAt(this.position))) this.position++;
  }

  private error(expected: string): JsonSyntaxError {
    const before = this.text.slice(0, this.position);
    const line = before.split('\n').length;
    const column = this.position - before.lastIndexOf('\n');
    const rest = this.text.slice(this.position);
    const found =
      rest === '' ? 'the text ends' : `found ${JSON.stringify(String.fromCodePoint(rest.codePointAt(0) ?? 0))}`;
    return new JsonSyntaxError(`line ${line}, column ${column}: expected ${expected}, ${found}`);
  }
}
