import { writeFileAtomic } from '../../../common/atomic-file.ts';
import { readTextIfExists } from '../../../common/files.ts';
import type { Usage } from '../../layerfs/layer.ts';
import { diskUsage } from './disk-usage.ts';
import type { LayerPaths } from './layer-paths.ts';

/**
 * What committed layers take, which never changes: containerd's CRI plugin asks for each of them every ten seconds. It is
 * kept beside the layer too, since to walk through all of them after each start would keep the disks busy for minutes.
 */
export class CommittedUsage {
  readonly #paths: LayerPaths;
  readonly #known = new Map<string, Promise<Usage>>();

  constructor(paths: LayerPaths) {
    this.#paths = paths;
  }

  get(id: string): Promise<Usage> {
    let usage = this.#known.get(id);
    if (usage === undefined) {
      usage = this.#find(id);
      this.#known.set(id, usage);
      usage.catch(() => this.#known.delete(id));
    }
    return usage;
  }

  forget(id: string): void {
    this.#known.delete(id);
  }

  async #find(id: string): Promise<Usage> {
    const file = this.#paths.usage(id);
    const kept = decode(await readTextIfExists(file));
    if (kept !== undefined) return kept;
    const usage = await diskUsage(this.#paths.content(id));
    // Without room, or if the host falls before it is on the disk, it is counted again.
    await writeFileAtomic(file, encode(usage)).catch(() => undefined);
    return usage;
  }
}

const encode = ({ bytes, inodes }: Usage) =>
  `${JSON.stringify({ bytes: bytes.toString(), inodes: inodes.toString() })}\n`;

function decode(text: string | undefined): Usage | undefined {
  const [, bytes, inodes] = /^\{"bytes":"(\d{1,30})","inodes":"(\d{1,30})"\}\n$/.exec(text ?? '') ?? [];
  return bytes === undefined || inodes === undefined ? undefined : { bytes: BigInt(bytes), inodes: BigInt(inodes) };
}
