import { invalidArgument } from '../../common/errors.ts';
import { acceptLabels } from './labels.ts';
import type { Labels } from './layer.ts';

const PREFIX = 'labels.';

/**
 * Labels after an Update. Without paths, or with `labels`, the given ones take the place of all; `labels.KEY` sets that
 * one, or deletes it where the given one is empty or missing.
 * @throws StatusError InvalidArgument for any other path: nothing else of a snapshot may change.
 */
export function changeLabels(before: Labels, given: Labels, paths: readonly string[]): Labels {
  for (const path of paths) checkPath(path);
  if (paths.length === 0 || paths.includes('labels')) return acceptLabels(given);
  const labels = new Map(Object.entries(before));
  for (const path of paths) {
    const key = path.slice(PREFIX.length);
    labels.set(key, Object.hasOwn(given, key) ? (given[key] ?? '') : '');
  }
  return acceptLabels(Object.fromEntries(labels));
}

function checkPath(path: string): void {
  if (path === 'labels' || (path.startsWith(PREFIX) && path !== PREFIX)) return;
  throw invalidArgument(`update_mask ${JSON.stringify(path)} cannot be changed: only labels and labels.KEY can`);
}
