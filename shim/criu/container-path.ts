import { lstat, readlink } from 'node:fs/promises';
import path from 'node:path';

/** As many links as Linux follows in one path. */
const MAX_LINKS = 40;

/**
 * Where a path leads inside of a root directory, each link followed as a process would that has it as its root. What
 * does not exist is taken as it is written. For comparing paths, not for opening them: links may change meanwhile.
 */
export async function resolveBelow(root: string, target: string): Promise<string> {
  const rest = names(target);
  let resolved = '/';
  let links = 0;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === '..') {
      resolved = path.dirname(resolved);
      continue;
    }
    const next = path.join(resolved, name);
    const link = await linkAt(path.join(root, next));
    if (link === undefined || (links += 1) > MAX_LINKS) {
      resolved = next;
      continue;
    }
    rest.unshift(...names(link));
    if (path.isAbsolute(link)) resolved = '/';
  }
  return resolved;
}

const names = (text: string) => text.split('/').filter((name) => name !== '' && name !== '.');

async function linkAt(file: string): Promise<string | undefined> {
  try {
    return (await lstat(file)).isSymbolicLink() ? await readlink(file) : undefined;
  } catch {
    return undefined;
  }
}
