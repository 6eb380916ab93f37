import { failedPrecondition, invalidArgument } from '../../common/errors.ts';
import type { Labels } from '../layerfs/layer.ts';

/** Which ids of the container are which of the host: containerd, core/snapshots/snapshotter.go. */
export const UID_LABEL = 'containerd.io/snapshot/uidmapping';
export const GID_LABEL = 'containerd.io/snapshot/gidmapping';

const ID_LABELS = [
  [UID_LABEL, 'uidmap'],
  [GID_LABEL, 'gidmap'],
] as const;

/** One range of user_namespaces(7). */
export interface IdRange {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** Ids have 32 bits, and the last one is no id: user_namespaces(7). */
const IDS = 2 ** 32 - 1;

/** Reads `INSIDE:OUTSIDE:COUNT`, with commas between several. @throws StatusError InvalidArgument */
export function parseIdMap(mapping: string, label: string): IdRange[] {
  return mapping.split(',').map((text) => {
    const [, inside, outside, count] = /^(\d{1,10}):(\d{1,10}):(\d{1,10})$/.exec(text)?.map(Number) ?? [];
    if (inside === undefined || outside === undefined || count === undefined) {
      throw invalidArgument(`label ${label} ${JSON.stringify(mapping)} is no mapping such as 0:100000:65536`);
    }
    if (count === 0 || inside + count > IDS || outside + count > IDS) {
      throw invalidArgument(
        `label ${label}: range ${text} must have one id at least, and none beyond ${IDS - 1}, inside or outside`,
      );
    }
    return { inside, outside, count };
  });
}

/**
 * The options by which containerd 2 maps the ids of a mount (core/mount/mount_linux.go). A client sends the labels only
 * to a snapshotter that is configured with the capability `remap-ids`.
 * @param refusal why this host cannot; undefined: it can.
 * @throws StatusError
 */
export function idMapOptions(labels: Labels, refusal: string | undefined): string[] {
  return ID_LABELS.flatMap(([label, option]) => {
    const mapping = labels[label];
    if (mapping === undefined) return [];
    parseIdMap(mapping, label);
    if (refusal !== undefined) {
      throw failedPrecondition(
        `label ${label}: ${refusal}; take remap-ids from this snapshotter's capabilities in containerd's configuration`,
      );
    }
    return [`${option}=${mapping}`];
  });
}

/** Compares versions such as 6.12.48+deb13 by their first two numbers. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const [, found = '0', foundMinor = '0'] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(found) > major || (Number(found) === major && Number(foundMinor) >= minor);
}
