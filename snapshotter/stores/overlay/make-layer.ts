import { chmod, chown, mkdir, rename, stat } from 'node:fs/promises';
import { syncDirectory, writeSyncedFile } from '../../../common/durable-file.ts';
import type { Layer } from '../../layerfs/layer.ts';
import { contentIn, recordIn, workIn, type LayerPaths } from './layer-paths.ts';
import { encodeRecord } from './record.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface NewLayerOptions {
  /** Who shall own its root directory; undefined: who owns the parent's. */
  readonly owner: Owner | undefined;
  /** Copies extended attributes, and thus ACLs, from one directory to another. */
  readonly copyAttributes: (from: string, to: string) => Promise<void>;
}

const PERMISSIONS = 0o7777;

/** Makes a layer's directory under a temporary name, and gives it its own once all that is in it is on the disk. */
export async function makeLayer(paths: LayerPaths, layer: Layer, options: NewLayerOptions): Promise<void> {
  const { id, kind, parent } = layer;
  const directory = paths.beingMade(id);
  await mkdir(directory, { mode: 0o700 });
  const synced = [directory];
  // A view shows its parent's directories, and has one of its own only to show an empty one.
  if (kind === 'active' || parent === undefined) synced.push(await makeContent(paths, layer, options));
  if (kind === 'active') await mkdir(workIn(directory), { mode: 0o711 });
  await writeSyncedFile(recordIn(directory), encodeRecord(layer));
  await Promise.all(synced.map(syncDirectory));
  await rename(directory, paths.directory(id));
  await syncDirectory(paths.snapshots);
}

/** In an overlay the upper directory alone tells of the root: so it begins as the parent's. */
async function makeContent(paths: LayerPaths, { id, parent }: Layer, options: NewLayerOptions): Promise<string> {
  const content = contentIn(paths.beingMade(id));
  await mkdir(content, { mode: 0o700 });
  const below = parent === undefined ? undefined : paths.content(parent);
  const model = below === undefined ? { uid: 0, gid: 0, mode: 0o755 } : await stat(below);
  const { uid, gid } = options.owner ?? model;
  await chown(content, uid, gid);
  await chmod(content, model.mode & PERMISSIONS);
  if (below !== undefined) await options.copyAttributes(below, content);
  return content;
}
