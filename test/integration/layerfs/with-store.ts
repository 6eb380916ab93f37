import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { cleanUp } from '../../support/clean-up.ts';
import { layerfs, layerfsJson, type CliResult } from '../../support/layerfs-cli.ts';
import { makeLayers, type LayerStep } from '../../support/make-layers.ts';
import { Snapshotter } from '../../support/snapshotter.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

/** A daemon on the overlay store, and the command line that speaks to it. */
export class StoreBed {
  readonly dir: string;
  readonly daemon: Snapshotter;

  constructor(dir: string) {
    this.dir = dir;
    this.daemon = new Snapshotter(dir);
  }

  get snapshots(): string {
    return path.join(this.daemon.root, 'snapshots');
  }

  layers(...steps: readonly LayerStep[]): Promise<string> {
    return makeLayers(this.daemon.socket, steps);
  }

  cli(...args: readonly string[]): Promise<CliResult> {
    return layerfs(this.daemon.socket, ...args);
  }

  json(args: readonly string[], exitCode = 0): Promise<unknown> {
    return layerfsJson(this.daemon.socket, args, exitCode);
  }

  async close(): Promise<string[]> {
    await this.daemon.terminate();
    return cleanUp({ dir: this.dir, marker: path.basename(this.dir), cgroups: [], lingerMs: 0 });
  }
}

/** A bed for one test, of which nothing may be left. */
export async function withStore(t: ExecutionContext, use: (bed: StoreBed) => Promise<void>): Promise<void> {
  const bed = new StoreBed(await makeTempDir());
  let left: string[] = [];
  try {
    await bed.daemon.launch();
    await use(bed);
  } finally {
    left = await bed.close();
  }
  t.deepEqual(left, []);
}

/** A chain of two committed layers, `base` and `top`, and a container's file system `web` on it. */
export const CHAIN: readonly LayerStep[] = [
  { do: 'prepare', key: 'k1', script: 'yes hello | head -c 300000 > big; mkdir d; echo 1 > d/f; ln d/f d/g' },
  { do: 'commit', key: 'k1', name: 'base' },
  { do: 'prepare', key: 'k2', parent: 'base', script: 'echo 2 > second; rm d/g' },
  { do: 'commit', key: 'k2', name: 'top' },
  { do: 'prepare', key: 'web', parent: 'top', script: 'echo 3 > third' },
];
