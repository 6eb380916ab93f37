import { readLines } from '../../../common/lines.ts';
import { zfsStoreCommand } from './zfs-command.ts';

export interface Dataset {
  /** With `@` in a snapshot's. */
  readonly name: string;
  /** The snapshot that it was cloned from. */
  readonly origin: string | undefined;
  /** The pool's transaction in which it was made. */
  readonly createTxg: bigint;
  readonly guid: string;
  /** User properties set on it, or received with it; none inherited. */
  readonly properties: Map<string, string>;
}

/** Everything below a dataset, with what it is made from: two processes, so only at start and for fsck. */
export async function listDatasets(root: string): Promise<Dataset[]> {
  const common = ['-Hp', '-r', '-t', 'filesystem,snapshot'];
  const [list, properties] = await Promise.all([
    zfsStoreCommand(['list', ...common, '-o', 'name,createtxg,guid,origin', root]),
    zfsStoreCommand(['get', ...common, '-s', 'local,received', '-o', 'name,property,value', 'all', root]),
  ]);
  const datasets = new Map(
    readLines(list)
      .map((line) => parseDataset(line))
      .map((dataset) => [dataset.name, dataset]),
  );
  for (const line of readLines(properties)) {
    const [name = '', property = '', value = ''] = line.split('\t');
    if (property.includes(':')) datasets.get(name)?.properties.set(property, value);
  }
  return [...datasets.values()];
}

function parseDataset(line: string): Dataset {
  const [name = '', createTxg = '0', guid = '', origin = '-'] = line.split('\t');
  return {
    name,
    createTxg: BigInt(createTxg),
    guid,
    origin: origin === '-' ? undefined : origin,
    properties: new Map(),
  };
}
