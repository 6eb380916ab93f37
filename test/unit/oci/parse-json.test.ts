import test from 'ava';
import fc from 'fast-check';
import { JsonSyntaxError, parseJson } from '../../../shim/oci/parse-json.ts';

/** Forces the exact parser, whatever the text. */
const LONG = '1234567890123456789';
const exactly = (text: string): unknown => (parseJson(`[${LONG},${text}]`) as unknown[])[1];

/** With integers rounded to doubles, as JSON.parse would have them. */
const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? Number(item) : item)));

test('both paths read what JSON.parse reads', (t) => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(undefined, 1, '\t'), (json, indent) => {
      const text = JSON.stringify(JSON.parse(json), undefined, indent);
      const expected = rounded(JSON.parse(text));
      t.deepEqual(rounded(parseJson(text)), expected);
      t.deepEqual(rounded(exactly(text)), expected);
    }),
  );
});

test('every text that is no JSON is refused with line and column, and none other', (t) => {
  const noise = fc.array(fc.constantFrom(...Array.from('{}[]",:\\ \n0123456789.eE+-truefalsnu\u0000\u0001ü')), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.json(), fc.nat(), fc.nat({ max: 4 }), noise, (json, at, cut, insert) => {
      const text = json.slice(0, at % (json.length + 1)) + insert.join('') + json.slice((at % (json.length + 1)) + cut);
      for (const read of [parseJson, exactly]) {
        let expected: unknown;
        try {
          expected = JSON.parse(read === exactly ? `[${LONG},${text}]` : text);
        } catch {
          t.throws(() => read(text), {
            instanceOf: JsonSyntaxError,
            message: /^line [0-9]+, column [0-9]+: expected /,
          });
          return;
        }
        t.deepEqual(rounded(read(text)), rounded(read === exactly ? (expected as unknown[])[1] : expected));
      }
    }),
    { numRuns: 1000 },
  );
});

test('integers are exact over 64 bits and beyond', (t) => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (value) => {
      const read = parseJson(`{"n":[${value}]}`) as { n: [number | bigint] };
      t.is(BigInt(read.n[0]), value);
      t.is(typeof read.n[0] === 'number', Number.isSafeInteger(Number(value)));
    }),
  );
  t.is(parseJson('18446744073709551615'), 18446744073709551615n);
  t.is(parseJson('9007199254740991'), 9007199254740991);
  t.is(parseJson('1.8446744073709551615e19'), 2 ** 64);
});

test('long digits inside strings and keys stay as they are', (t) => {
  t.deepEqual(parseJson('{"4242424242424242424":"\\"18446744073709551615"}'), {
    '4242424242424242424': '"18446744073709551615',
  });
});

test('__proto__ is a key like any other', (t) => {
  const value = parseJson(`{"__proto__":{"polluted":${LONG}}}`) as object;
  t.deepEqual(Object.keys(value), ['__proto__']);
  t.is(Object.getPrototypeOf(value), Object.prototype);
});

for (const [text, message] of [
  ['', 'line 1, column 1: expected a value, the text ends'],
  ['{"a": 1,\n  "b": }', 'line 2, column 8: expected a value, found "}"'],
  ['{\n"a" 1}', `line 2, column 5: expected ':', found "1"`],
  ['[1 2]', `line 1, column 4: expected ',' or ']', found "2"`],
  ['{"a":1,}', 'line 1, column 8: expected a property name in double quotes, found "}"'],
  ['{"a":"b', `line 1, column 6: expected a closing '"' for this string, found "\\""`],
  ['{"a":"\\x"}', 'line 1, column 6: expected a string without control characters and with valid escapes, found "\\""'],
  ['{} {}', 'line 1, column 4: expected the end of the text, found "{"'],
  ['\ufeff{}', 'line 1, column 1: expected a value, found "\ufeff"'],
] as const) {
  test(`refuses ${JSON.stringify(text)}`, (t) => {
    t.throws(() => parseJson(text), { instanceOf: JsonSyntaxError, message });
  });
}

test('nesting without end does not exhaust the stack', (t) => {
  t.throws(() => parseJson(`${'['.repeat(1_000_000)}${LONG}`), {
    instanceOf: JsonSyntaxError,
    message: /expected at most 512 nested/,
  });
});
