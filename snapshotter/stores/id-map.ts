import { failedPrecondition, invalidArgument } from '../../common/errors.ts';
import type { Labels } from '../layerfs/layer.ts';

/** Which ids of the container are which of the host: containerd, core/snapshots/snapshotter.go. */
const ID_LABELS = [
  ['containerd.io/snapshot/uidmapping', 'uidmap'],
  ['containerd.io/snapshot/gidmapping', 'gidmap'],
] as const;

const MAPPING = /^\d+:\d+:\d+(?:,\d+:\d+:\d+)*$/;

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
    if (!MAPPING.test(mapping)) {
      throw invalidArgument(`label ${label} ${JSON.stringify(mapping)} is no mapping such as 0:100000:65536`);
    }
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
