import type { Random } from '../chaos/random.ts';
import { isHarmless } from './harmless-config.ts';
import { NASTY_NUMBERS, NASTY_STRINGS } from './nasty.ts';

/** A value of a JSON document, and where it is. */
interface Place {
  readonly parent: Record<string, unknown> | unknown[];
  readonly key: string;
}

const NASTY_VALUES: readonly [unknown, ...unknown[]] = [
  null,
  true,
  false,
  ...[-1, 0.5, -0, 1e300, -(2 ** 63), 2 ** 53, 2 ** 63, 2 ** 64],
  ...NASTY_NUMBERS,
  ...NASTY_STRINGS,
  [],
  {},
  [[]],
  [null],
  { '': '' },
];

/** More than any real document is nested in. */
const DEEP = 600;

const TOKENS: readonly [string, ...string[]] = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ':',
  ',',
  '\\',
  '\\u0000',
  '\\ud800',
  '\0',
  '1e999',
  '-',
  '00',
  '99999999999999999999999999',
  'null',
  '// c\n',
  '\ufeff',
  '[['.repeat(1000),
];

/**
 * A config.json that was right, with something wrong. What might touch the host is drawn anew.
 * @returns bytes: it need not be UTF-8.
 */
export function mutateConfig(random: Random, sound: string): Buffer {
  for (;;) {
    const mutant = random.chance(0.7) ? mutateStructure(random, sound) : mutateText(random, Buffer.from(sound));
    if (isHarmless(mutant, sound)) return mutant;
  }
}

function mutateStructure(random: Random, sound: string): Buffer {
  const document = JSON.parse(sound) as Record<string, unknown>;
  for (let count = random.pick([1, 1, 1, 2, 3]); count > 0; count -= 1) {
    const places = placesIn(document);
    const place = places[random.between(0, places.length - 1)];
    if (place !== undefined) mutatePlace(random, place, places);
  }
  return Buffer.from(JSON.stringify(document));
}

/** Of every value but the whole. */
function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const parent = value as Place['parent'];
  return Object.entries(parent).flatMap(([key, child]) => [{ parent, key }, ...placesIn(child)]);
}

const get = ({ parent, key }: Place): unknown => (parent as Record<string, unknown>)[key];

function set({ parent, key }: Place, value: unknown): void {
  // Not by assignment, for which __proto__ is no key.
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

function remove({ parent, key }: Place): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else Reflect.deleteProperty(parent, key);
}

function mutatePlace(random: Random, place: Place, places: readonly Place[]): void {
  const value = get(place);
  switch (random.between(0, 6)) {
    case 0:
      remove(place);
      break;
    case 1:
      duplicate(random, place, structuredClone(value));
      break;
    case 2:
      set(place, random.chance(0.05) ? nested(value) : random.pick<unknown>([[value], { value }, [value, value]]));
      break;
    case 3:
      rename(random, place, value, places);
      break;
    case 4:
      set(place, structuredClone(get(places[random.between(0, places.length - 1)] ?? place)));
      break;
    default:
      set(place, random.pick(NASTY_VALUES));
  }
}

function duplicate(random: Random, { parent, key }: Place, value: unknown): void {
  const times = random.chance(0.1) ? 1500 : 1;
  if (Array.isArray(parent)) parent.push(...Array.from({ length: times }, () => value));
  else set({ parent, key: `${key}2` }, value);
}

function nested(value: unknown): unknown {
  let result = value;
  for (let depth = 0; depth < DEEP; depth += 1) result = [result];
  return result;
}

function rename(random: Random, place: Place, value: unknown, places: readonly Place[]): void {
  const { parent, key } = place;
  if (Array.isArray(parent)) return;
  const other = places[random.between(0, places.length - 1)]?.key ?? key;
  remove(place);
  set({ parent, key: random.pick([key.toUpperCase(), `${key} `, '', '__proto__', 'constructor', other]) }, value);
}

function mutateText(random: Random, sound: Buffer): Buffer {
  const at = random.between(0, sound.length - 1);
  const [before, after] = [sound.subarray(0, at), sound.subarray(at)];
  const some = random.between(1, 40);
  switch (random.between(0, 5)) {
    case 0:
      return before;
    case 1:
      return Buffer.concat([before, after.subarray(some)]);
    case 2:
      return Buffer.concat([before, after.subarray(0, some), after]);
    case 3:
      return Buffer.concat([before, Buffer.from(random.pick(TOKENS)), after]);
    case 4:
      return Buffer.concat([before, Buffer.from([random.between(0, 255)]), after.subarray(1)]);
    default:
      return flipBits(random, sound);
  }
}

function flipBits(random: Random, sound: Buffer): Buffer {
  const mutant = Buffer.from(sound);
  for (let count = random.between(1, 6); count > 0; count -= 1) {
    const at = random.between(0, mutant.length - 1);
    mutant[at] = (mutant[at] ?? 0) ^ (1 << random.between(0, 7));
  }
  return mutant;
}
