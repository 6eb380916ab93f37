import { createContext, Script } from 'node:vm';
import { invalidArgument } from '../../common/errors.ts';

/** What a filter looks a field up in; undefined: the field is not there. */
export type Fields = (path: readonly string[]) => string | undefined;
export type Filter = (fields: Fields) => boolean;

/**
 * containerd's filter language (pkg/filters): `FIELD[OPERATOR VALUE]`, joined by commas where all must match. A field is
 * names joined by dots, quoted where they have other characters; operators are `==`, `!=` and `~=`, a regular
 * expression; without one the field must be there.
 * @throws StatusError InvalidArgument
 */
export function parseFilter(text: string): Filter {
  const parser = new Parser(text);
  const selectors = parser.parse();
  return (fields) => selectors.every((selector) => selector(fields));
}

/** One that matches is enough; so is none at all. */
export function parseFilters(texts: readonly string[]): Filter {
  const filters = texts.map(parseFilter);
  return filters.length === 0 ? () => true : (fields) => filters.some((filter) => filter(fields));
}

const FIELD = /[A-Za-z][A-Za-z0-9_]*/y;
const OPERATOR = /==|!=|~=/y;
/** Without quotes a value goes on to the next comma or space. */
const VALUE = /[^\s,"'`]+/y;
const SPACE = /\s*/y;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\/(?:[^/\\]|\\.)*\/|\|(?:[^|\\]|\\.)*\|/y;

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Filter[] {
    this.#take(SPACE);
    if (this.#at === this.#text.length) return [];
    const selectors = [this.#selector()];
    while (this.#at < this.#text.length) {
      this.#expect(',');
      selectors.push(this.#selector());
    }
    return selectors;
  }

  #selector(): Filter {
    this.#take(SPACE);
    const path = [this.#name()];
    while (this.#text[this.#at] === '.') {
      this.#at++;
      path.push(this.#name());
    }
    this.#take(SPACE);
    const operator = this.#take(OPERATOR);
    if (operator === undefined) return (fields) => fields(path) !== undefined;
    this.#take(SPACE);
    const value = this.#value(operator);
    this.#take(SPACE);
    return compare(path, operator, value, this.#text);
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

function compare(path: readonly string[], operator: string, value: string, text: string): Filter {
  if (operator === '==') return (fields) => fields(path) === value;
  if (operator === '!=') return (fields) => fields(path) !== value;
  const test = bounded(regularExpression(value, text), text);
  return (fields) => test(fields(path) ?? '');
}

/** How long one expression of a filter may take, for all layers together. */
const MATCH_TIMEOUT_MS = 1000;
const TEST = new Script('pattern.test(value)');

/** Go's expressions take linear time; one that backtracks may take for ever, and no other call is served meanwhile. */
function bounded(pattern: RegExp, text: string): (value: string) => boolean {
  const variables = { pattern, value: '' };
  const context = createContext(variables);
  let left = MATCH_TIMEOUT_MS;
  return (value) => {
    variables.value = value;
    const started = performance.now();
    try {
      return Boolean(TEST.runInContext(context, { timeout: Math.max(1, Math.ceil(left)) }));
    } catch (cause) {
      throw invalidArgument(`filter ${JSON.stringify(text)}: the regular expression takes too long, or is too large`, {
        cause,
      });
    } finally {
      left -= performance.now() - started;
    }
  };
}

/** Go's flags for a whole expression stand before it. */
const FLAGS = /^\(\?([ims]+)\)/;

function regularExpression(source: string, text: string): RegExp {
  try {
    return new RegExp(source.replace(FLAGS, ''), FLAGS.exec(source)?.[1] ?? '');
  } catch (cause) {
    throw invalidArgument(`filter ${JSON.stringify(text)}: ${JSON.stringify(source)} is no regular expression`, {
      cause,
    });
  }
}
