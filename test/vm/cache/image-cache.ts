import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { buildImage } from '../image/build-image.ts';
import type { Progress } from '../progress.ts';
import { withLock } from './lock.ts';

const RECIPE = path.resolve(import.meta.dirname, '../image');
const DAY_MS = 24 * 60 * 60_000;

/** Where a build is until it is done; whatever is found there once the lock is ours belongs to a dead one. */
const UNFINISHED = 'unfinished-';

export function cacheDirectory(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache');
  return path.join(base, 'proxmox-lxcri', 'vm');
}

/** The directory of the image of the recipe as it is now, built if need be. */
export async function imageDirectory(progress: Progress): Promise<string> {
  const cache = cacheDirectory();
  const image = path.join(cache, await recipeHash());
  if (!(await isThere(image))) await buildOnce(cache, image, progress);
  await utimes(image, new Date(), new Date());
  return image;
}

async function buildOnce(cache: string, image: string, progress: Progress): Promise<void> {
  await mkdir(cache, { recursive: true });
  const onWait = () => {
    progress('waiting for another process that builds the image');
  };
  await withLock(path.join(cache, 'lock'), onWait, async () => {
    if (await isThere(image)) return;
    await removeWhere(cache, (name) => name.startsWith(UNFINISHED));
    progress(`building the image, once for this recipe (about six minutes), in ${cache}`);
    const unfinished = await mkdtemp(path.join(cache, UNFINISHED));
    await buildImage(unfinished, progress);
    await rename(unfinished, image);
    await removeWhere(cache, async (name) => isHash(name) && (await isDisused(path.join(cache, name))));
    progress('the image is built');
  });
}

async function recipeHash(): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(RECIPE, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    const { mode } = await stat(file);
    hash.update(`${path.relative(RECIPE, file)}\0${mode & 0o111}\0`);
    hash.update(await readFile(file));
  }
  return hash.digest('hex').slice(0, 16);
}

const isHash = (name: string) => /^[0-9a-f]{16}$/.test(name);

/** Another checkout with another recipe may take turns with this one; a day without use tells that none does. */
async function isDisused(image: string): Promise<boolean> {
  return Date.now() - (await stat(image)).mtimeMs > DAY_MS;
}

async function removeWhere(directory: string, matches: (name: string) => boolean | Promise<boolean>): Promise<void> {
  for (const name of await readdir(directory)) {
    if (await matches(name)) await rm(path.join(directory, name), { recursive: true, force: true });
  }
}

async function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
