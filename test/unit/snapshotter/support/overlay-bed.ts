import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { createLogger } from '../../../../common/logger.ts';
import { LayerFs, type LayerFsOptions } from '../../../../snapshotter/layerfs/layerfs.ts';
import type { Mount } from '../../../../snapshotter/layerfs/layer.ts';
import { OverlayStore } from '../../../../snapshotter/stores/overlay/overlay-store.ts';
import { listMounts } from '../../../support/host.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

export const silent = createLogger('silent');

/** Nothing of what these tests do needs syncfs(2), or extended attributes. */
export const idleWorker = { request: () => Promise.resolve(''), close: () => Promise.resolve() };

export async function openLayerFs(root: string, options: Partial<LayerFsOptions> = {}): Promise<LayerFs> {
  const store = await OverlayStore.open({ root, worker: idleWorker, logger: silent });
  return LayerFs.open(store, { logger: silent, ...options });
}

/** A LayerFs over an overlay store in a directory that goes with the test. */
export async function overlayBed(t: ExecutionContext, options?: Partial<LayerFsOptions>): Promise<OverlayBed> {
  const bed = new OverlayBed(await makeTempDir(), options);
  t.teardown(() => bed.tearDown());
  await bed.reopen();
  return bed;
}

export class OverlayBed {
  readonly root: string;
  readonly snapshots: string;
  readonly #options: Partial<LayerFsOptions> | undefined;
  #layerFs: LayerFs | undefined;
  #mounts = 0;

  constructor(root: string, options?: Partial<LayerFsOptions>) {
    this.root = root;
    this.snapshots = path.join(root, 'snapshots');
    this.#options = options;
  }

  get layerFs(): LayerFs {
    if (this.#layerFs === undefined) throw new Error('it is not open');
    return this.#layerFs;
  }

  /** As after a restart of the daemon. */
  async reopen(): Promise<LayerFs> {
    await this.#layerFs?.close();
    this.#layerFs = await openLayerFs(this.root, this.#options);
    return this.#layerFs;
  }

  /** Does what a client does with mounts. @returns where. */
  async mount(mounts: readonly Mount[]): Promise<string> {
    const [mount] = mounts;
    if (mount === undefined || mounts.length > 1) throw new Error(`${mounts.length} mounts`);
    const target = path.join(this.root, `mounted-${(++this.#mounts).toString()}`);
    await execa('mkdir', [target]);
    const { type, source, options } = mount;
    const how = type === 'bind' ? [] : ['-t', type];
    await execa('mount', [...how, '-o', options.join(','), source, target]);
    return target;
  }

  /** A committed layer with what `change` makes in it. */
  async layer(name: string, parent: string, change: (directory: string) => Promise<unknown>): Promise<void> {
    const directory = await this.mount(await this.layerFs.prepare({ key: `${name} active`, parent, labels: {} }));
    await change(directory);
    await execa('umount', [directory]);
    await this.layerFs.commit({ key: `${name} active`, name, labels: {} });
  }

  async tearDown(): Promise<void> {
    await this.#layerFs?.close();
    const points = (await listMounts()).map(({ point }) => point).filter((point) => point.startsWith(`${this.root}/`));
    for (const point of points.toReversed()) await execa('umount', ['--lazy', point]);
    await rm(this.root, { recursive: true, force: true });
  }
}
