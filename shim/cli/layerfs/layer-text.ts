import type { Layer, Space } from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import { isoTime } from '../format.ts';

/** A layer as JSON. */
export const layerJson = ({ id, name, shortName, kind, parent, labels, createdAt, updatedAt, place }: Layer) => ({
  name,
  shortName,
  kind,
  parent,
  created: isoTime(createdAt),
  updated: isoTime(updatedAt),
  labels,
  id,
  place,
});

/** Space as JSON, in bytes; null where it could not be found out. */
export const spaceJson = (space: Space | undefined) => space ?? null;

/** What every response must have, though the wire lets it be left out. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the daemon left a part of its answer out: is it of another version?');
  return value;
}
