import { invalidArgument } from '../../../common/errors.ts';
import type { Labels } from '../../layerfs/layer.ts';
import type { Owner } from './make-layer.ts';

const UID_LABEL = 'containerd.io/snapshot/uidmapping';
const GID_LABEL = 'containerd.io/snapshot/gidmapping';

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
  for (const range of map?.split(',') ?? []) {
    const [inside, outside, count] = range.split(':').map(Number);
    if (inside === 0 && outside !== undefined && count !== undefined && count > 0) return outside;
  }
  // containerd maps both or nothing, silently.
  throw invalidArgument(
    `label ${label} ${map ?? '(missing)'} maps no root: give both mappings, each with a range from 0`,
  );
}
