import { stat } from 'node:fs/promises';
import path from 'node:path';
import { invalidArgument } from '../../common/errors.ts';
import type { MountTie } from '../backends/backend.ts';
import { resolveBelow } from './container-path.ts';
import { readMountTable, type MountEntry } from './mount-table.ts';

/** A mount that comes from the host, and so is not in a checkpoint. */
export interface ExternalMount {
  /** Where it is; criu's name for it. */
  readonly point: string;
  /** The destination of the mount in config.json that brought it. */
  readonly destination: string;
  /** Where it is below that mount's source; empty for that mount itself. */
  readonly below: string;
}

/** What is mounted on, in the root file system itself: a new one may not have it. */
export interface MountPoint {
  readonly path: string;
  readonly isDirectory: boolean;
}

/** A running container's mounts as a checkpoint has to know them. */
export async function describeMounts(
  pid: number,
  ties: readonly MountTie[],
): Promise<{ readonly mounts: readonly ExternalMount[]; readonly mountPoints: readonly MountPoint[] }> {
  const root = `/proc/${pid}/root`;
  const table = await readMountTable(pid);
  const places = new Map<string, MountTie>();
  // A later mount on the same place hides the earlier.
  for (const tie of ties) places.set(await resolveBelow(root, tie.destination), tie);
  return { mounts: findExternal(table, places), mountPoints: await findMountPoints(table, root) };
}

/** `places` are the mounts of the spec by where they really are. */
export function findExternal(
  table: readonly MountEntry[],
  places: ReadonlyMap<string, MountTie>,
): readonly ExternalMount[] {
  const found = new Map<string, ExternalMount>();
  for (const { point } of table) {
    const above = nearest(point, places);
    if (above === undefined || above.tie.source === undefined) continue;
    const below = path.relative(above.place, point);
    if (below !== '' && !above.tie.recursive) continue;
    found.set(point, { point, destination: above.tie.destination, below });
  }
  return [...found.values()];
}

/** The mount of the spec that a place is in, or is. */
function nearest(point: string, places: ReadonlyMap<string, MountTie>) {
  for (let place = point; place !== '/'; place = path.dirname(place)) {
    const tie = places.get(place);
    if (tie !== undefined) return { place, tie };
  }
  return undefined;
}

async function findMountPoints(table: readonly MountEntry[], root: string): Promise<readonly MountPoint[]> {
  const top = table.findLast(({ point }) => point === '/')?.id;
  const points = new Set(table.filter(({ parent }) => parent === top).map(({ point }) => point));
  return Promise.all(
    [...points].map(async (point) => ({
      path: point,
      isDirectory: (await stat(path.join(root, point))).isDirectory(),
    })),
  );
}

/** Where the mount comes from on this host, by the new container's config.json. */
export function sourceOf({ destination, below }: ExternalMount, ties: readonly MountTie[]): string {
  const source = ties.findLast((tie) => tie.destination === destination)?.source;
  if (source !== undefined) return path.join(source, below);
  throw invalidArgument(
    `config.json: mounts has nothing of the host’s at ${JSON.stringify(destination)}: the checkpoint was made with a bind mount there; add one`,
  );
}
