/**
 * Small functions that check a JSON value and give it a type. Hand-written, since nearly every rule here is one of the
 * kernel's or of runc's and would be a custom rule of a library too. Measured on bundles of the default spec of `ctr
 * run`: zod 4 costs 12-19 ms to import, which a daemon started on demand cannot afford; valibot 1 would fit (1.5 ms),
 * with types alone checked; these 3 ms with all rules, then 0.2 ms for a spec.
 *
 * As in Go's decoder, which all callers of runc are used to, `null` is the same as absent, and keys that are not asked
 * for are ignored (config.md, Extensibility).
 */
import type { Place } from './place.ts';

/** Gives the checked and normalised value, or throws the place's refusal. An absent value comes as `undefined`. */
export type Check<T> = (value: unknown, at: Place) => T;

/** A check for each property of T; one whose check gives `undefined` is left out. */
export type Fields<T> = { readonly [K in keyof T]-?: Check<T[K]> };

export function object<T extends object>(fields: Fields<T>): Check<T> {
  const entries = Object.entries<Check<unknown>>(fields);
  return (value, at) => {
    if (!isObject(value)) throw at.refusal(value, 'an object');
    const result: Record<string, unknown> = {};
    for (const [key, check] of entries) {
      const checked = check(value[key] ?? undefined, at.at(key));
      if (checked !== undefined) result[key] = checked;
    }
    return result as T;
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object with keys of the document's choice. Absent: empty. */
export function map<T>(item: Check<T>, key?: Check<string>): Check<Readonly<Record<string, T>>> {
  return (value, at) => {
    if (value === undefined) return {};
    if (!isObject(value)) throw at.refusal(value, 'an object');
    const entries = Object.entries(value).map(([name, content]): [string, T] => {
      const place = at.at(name);
      return [key === undefined ? name : key(name, place), item(content ?? undefined, place)];
    });
    return Object.fromEntries(entries);
  };
}

/** A list. Absent: empty. */
export function list<T>(item: Check<T>): Check<readonly T[]> {
  return (value, at) => {
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw at.refusal(value, 'a list');
    return value.map((content: unknown, index) => item(content ?? undefined, at.at(index)));
  };
}

export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, at) => (value === undefined ? undefined : check(value, at));
}

/** For strings: an empty one is unset, as Go's encoders cannot tell the two apart. */
export function unlessEmpty<T>(check: Check<T>): Check<T | undefined> {
  return (value, at) => (value === undefined || value === '' ? undefined : check(value, at));
}

/** For limits of which runc takes 0 as unset (libcontainer's Resources has no other way to say it). */
export function unlessZero<T>(check: Check<T>): Check<T | undefined> {
  return (value, at) => (value === undefined || value === 0 ? undefined : check(value, at));
}

export function orElse<T>(check: Check<T>, fallback: T): Check<T> {
  return (value, at) => (value === undefined ? fallback : check(value, at));
}

/** Takes an absent object as an empty one, so that what it holds gets its own defaults. */
export function orEmpty<T>(check: Check<T>): Check<T> {
  return (value, at) => check(value ?? {}, at);
}

/** The check, then one more condition on its result. */
export function and<T>(check: Check<T>, ok: (value: T) => boolean, expected: string): Check<T> {
  return (value, at) => {
    const checked = check(value, at);
    if (!ok(checked)) throw at.refusal(value, expected);
    return checked;
  };
}

export const bool: Check<boolean> = (value, at) => {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw at.refusal(value, 'true or false');
  return value;
};

/** A required member of a fixed set of words. */
export function oneOf<const T extends string>(words: readonly T[]): Check<T> {
  const known = new Set<unknown>(words);
  return (value, at) => {
    if (!known.has(value)) throw at.refusal(value, `one of ${words.join(', ')}`);
    return value as T;
  };
}

/** Refuses any value; `expected` says why and what to do. */
export function refused(expected: string): Check<undefined> {
  return (value, at) => {
    if (value !== undefined) throw at.refusal(value, expected);
    return undefined;
  };
}
