import { invalidArgument } from '../../../common/errors.ts';
import type { Labels } from '../../layerfs/layer.ts';
import { GID_LABEL, parseIdMap, UID_LABEL } from '../id-map.ts';
import type { Owner } from './make-layer.ts';

/**
 * Who is root in a container with mapped ids, seen from the host. An overlay's lower directories are mapped for its
 * mount, its upper one is not: so that one must belong to the container's root.
 * @throws StatusError InvalidArgument
 */
export function mappedOwner(labels: Labels): Owner | undefined {
  const uidMap = labels[UID_LABEL];
  const gidMap = labels[GID_LABEL];
  if (uidMap === undefined && gidMap === undefined) return undefined;
  return { uid: hostIdOfRoot(UID_LABEL, uidMap), gid: hostIdOfRoot(GID_LABEL, gidMap) };
}

function hostIdOfRoot(label: string, map: string | undefined): number {
  const range = map === undefined ? undefined : parseIdMap(map, label).find(({ inside }) => inside === 0);
  if (range !== undefined) return range.outside;
  // containerd maps both or nothing, silently.
  throw invalidArgument(
    `label ${label} ${map ?? '(missing)'} maps no root: give both mappings, each with a range from 0`,
  );
}
