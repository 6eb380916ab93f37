import type { Layer } from '../../layerfs/layer.ts';
import type { Space, TotalSpace } from '../store.ts';
import type { DatasetNames } from './names.ts';
import type { Pool } from './pool.ts';

const PROPERTIES = ['used', 'written', 'referenced', 'logicalreferenced', 'refcompressratio', 'compressratio'];

type Values = ReadonlyMap<string, unknown>;

/** A channel program gives ratios in hundredths. */
const HUNDREDTHS = 100;

/** What layers take: of a committed one all that its snapshot added to its origin, which never changes. */
export async function layerSpace(
  names: DatasetNames,
  pool: Pool,
  layers: readonly Layer[],
): Promise<Map<string, Space>> {
  const source = ({ id, kind, parent }: Layer) =>
    kind === 'active' ? names.dataset(id) : kind === 'view' ? names.origin(parent) : names.snapshot(id);
  const found = await pool.read(PROPERTIES, [...new Set(layers.map(source))]);
  return new Map(
    layers.flatMap((layer) => {
      const values = found.get(source(layer));
      return values === undefined ? [] : [[layer.id, toSpace(layer.kind, values)] as const];
    }),
  );
}

function toSpace(kind: Layer['kind'], values: Values): Space {
  const referenced = number(values, 'referenced');
  const own = kind === 'view' ? 0n : number(values, kind === 'active' ? 'used' : 'written');
  return {
    own,
    shared: referenced > own ? referenced - own : 0n,
    logical: number(values, 'logicalreferenced'),
    ratio: Number(number(values, 'refcompressratio')) / HUNDREDTHS,
  };
}

export async function totalSpace(names: DatasetNames, pool: Pool): Promise<TotalSpace> {
  const properties = ['used', 'logicalused', 'available', 'compressratio'];
  const values: Values = (await pool.read(properties, [names.root])).get(names.root) ?? new Map<string, unknown>();
  return {
    own: number(values, 'used'),
    shared: 0n,
    logical: number(values, 'logicalused'),
    ratio: Number(number(values, 'compressratio')) / HUNDREDTHS,
    available: number(values, 'available'),
  };
}

function number(values: Values, property: string): bigint {
  const value = values.get(property);
  return typeof value === 'number' ? BigInt(value) : 0n;
}
