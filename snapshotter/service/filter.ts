import { invalidArgument, messageOf } from '../../common/errors.ts';

/** What a filter looks a field up in; undefined: the field is not there. */
export type Fields = (path: readonly string[]) => string | undefined;
export type Filter = (fields: Fields) => boolean;

/**
 * containerd's filter language (pkg/filters): `FIELD[OPERATOR VALUE]`, joined by commas where all must match. A field is
 * names joined by dots, quoted where they have other characters; operators are `==`, `!=` and `~=`, a regular
 * expression in Go's syntax; without one the field must be there.
 * @throws StatusError InvalidArgument
 */
export async function parseFilter(text: string): Promise<Filter> {
  const selectors = await Promise.all(new Parser(text).parse().map((selector) => compile(selector, text)));
  return (fields) => selectors.every((selector) => selector(fields));
}

/** One that matches is enough; so is none at all. */
export async function parseFilters(texts: readonly string[]): Promise<Filter> {
  const filters = await Promise.all(texts.map(parseFilter));
  return filters.length === 0 ? () => true : (fields) => filters.some((filter) => filter(fields));
}

const FIELD = /[A-Za-z][A-Za-z0-9_]*/y;
const OPERATOR = /==|!=|~=/y;
/** Without quotes a value goes on to the next comma or space. */
const VALUE = /[^\s,"'`]+/y;
const SPACE = /\s*/y;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\/(?:[^/\\]|\\.)*\/|\|(?:[^|\\]|\\.)*\|/y;

interface Selector {
  readonly path: readonly string[];
  /** Without one, the field must be there. */
  readonly comparison?: { readonly operator: string; readonly value: string };
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Selector[] {
    this.#take(SPACE);
    if (this.#at === this.#text.length) return [];
    const selectors = [this.#selector()];
    while (this.#at < this.#text.length) {
      this.#expect(',');
      selectors.push(this.#selector());
    }
    return selectors;
  }

  #selector(): Selector {
    this.#take(SPACE);
    const path = [this.#name()];
    while (this.#text[this.#at] === '.') {
      this.#at++;
      path.push(this.#name());
    }
    this.#take(SPACE);
    const operator = this.#take(OPERATOR);
    if (operator === undefined) {
      if (/^[=~!]/.test(this.#text.slice(this.#at))) this.#fail('one of the operators ==, != and ~=');
      return { path };
    }
    this.#take(SPACE);
    const value = this.#value(operator);
    this.#take(SPACE);
    return { path, comparison: { operator, value } };
  }

  #name(): string {
    return this.#take(FIELD) ?? this.#quoted(/^["']/) ?? this.#fail('a field');
  }

  #value(operator: string): string {
    const quotes = operator === '~=' ? /^["'`/|]/ : /^["']/;
    return this.#quoted(quotes) ?? this.#take(VALUE) ?? this.#fail('a value');
  }

  #quoted(quotes: RegExp): string | undefined {
    if (!quotes.test(this.#text.slice(this.#at, this.#at + 1))) return undefined;
    const text = this.#take(QUOTED);
    if (text === undefined) return this.#fail('a closing quote');
    try {
      return unquote(text);
    } catch {
      // String.fromCodePoint
      return this.#fail('a character in each escape');
    }
  }

  #expect(character: string): void {
    if (this.#text[this.#at] !== character) this.#fail(JSON.stringify(character));
    this.#at++;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  #fail(expected: string): never {
    throw invalidArgument(`filter ${JSON.stringify(this.#text)}: expected ${expected} at character ${this.#at + 1}`);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

/**
 * As Go's strconv.Unquote; between slashes or bars only their own escape is one, the rest is the expression's.
 * @throws RangeError if an escape is of no character.
 */
function unquote(text: string): string {
  const quote = text[0] ?? '';
  const inner = text.slice(1, -1);
  if (quote === '`') return inner;
  if (quote === '/' || quote === '|') return inner.replaceAll(`\\${quote}`, quote);
  return inner.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gs,
    (_, x?: string, u?: string, long?: string, octal?: string, other: string = '') => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      return ESCAPES[other] ?? other;
    },
  );
}

async function compile({ path, comparison }: Selector, text: string): Promise<Filter> {
  if (comparison === undefined) return (fields) => fields(path) !== undefined;
  const { operator, value } = comparison;
  if (operator === '==') return (fields) => fields(path) === value;
  if (operator === '!=') return (fields) => fields(path) !== value;
  const matches = await regularExpression(value, text);
  return (fields) => matches(fields(path) ?? '');
}

/** Go's syntax, and time that is linear in the value's length, as no other call is served meanwhile. */
async function regularExpression(source: string, text: string): Promise<(value: string) => boolean> {
  // Not with the daemon: hardly a filter has one.
  const { RE2JS } = await import('re2js');
  try {
    const expression = RE2JS.compile(source);
    return (value) => expression.matcher(value).find();
  } catch (cause) {
    const why = messageOf(cause);
    throw invalidArgument(
      `filter ${JSON.stringify(text)}: ${JSON.stringify(source)} is no regular expression: ${why}`,
      {
        cause,
      },
    );
  }
}
