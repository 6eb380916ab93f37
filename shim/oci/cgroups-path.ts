import { cleanPath } from './check/strings.ts';

/** What systemd would name the container, if `linux.cgroupsPath` has the form `slice:prefix:name`. */
export interface SystemdUnit {
  /** `machine.slice`, `a-b.slice`; `-.slice` is the root. */
  readonly slice: string;
  /** `docker-1234.scope`. */
  readonly unit: string;
}

/** A path inside the cgroup hierarchy, or what the value should have been. */
export type ExpandedPath = { readonly path: string; readonly systemd?: SystemdUnit } | { readonly expected: string };

/**
 * The absolute, clean path inside the cgroup hierarchy that a `linux.cgroupsPath` stands for. Three forms:
 *
 * - `/a/b`: relative to the root of the hierarchy (config-linux.md, Cgroups Path).
 * - `a/b`: the same; the specification leaves the base of a relative path to the runtime. `..` cannot leave the root.
 * - `slice:prefix:name`, which containerd, Docker and the kubelet use with systemd: the slice's own path, in which each
 *   dash begins a level, then `prefix-name.scope`. An empty slice is `system.slice`. (runc has it in its systemd driver.)
 */
export function expandCgroupsPath(written: string): ExpandedPath {
  const systemd = systemdUnit(written);
  if (systemd !== undefined && 'expected' in systemd) return systemd;
  const path = cleanPath(systemd === undefined ? `/${written}` : `${slicePath(systemd.slice)}/${systemd.unit}`);
  if (path === '/') return { expected: 'a cgroup of its own, not the root' };
  if (!path.split('/').every(isCgroupName)) {
    return { expected: 'names of at most 255 bytes without control characters' };
  }
  return systemd === undefined ? { path } : { path, systemd };
}

/** Where the container's cgroup is: as `linux.cgroupsPath` says, else `/<namespace>/<id>` as ctr has it. */
export function resolveCgroupsPath(written: string | undefined, namespace: string, id: string): string {
  const expanded = written === undefined ? undefined : expandCgroupsPath(written);
  return expanded !== undefined && 'path' in expanded ? expanded.path : `/${namespace}/${id}`;
}

/** The kernel refuses a newline in a cgroup's name; other control characters help nobody. */
const isCgroupName = (name: string) => Buffer.byteLength(name) <= 255 && !/\p{Cc}/u.test(name);

function systemdUnit(written: string): SystemdUnit | { readonly expected: string } | undefined {
  const parts = written.split(':');
  const [slice = '', prefix = '', name = ''] = parts;
  if (parts.length === 1 || (slice !== '' && !slice.endsWith('.slice')) || slice.includes('/')) return undefined;
  if (parts.length !== 3 || prefix.includes('/') || name.includes('/') || name === '') {
    return { expected: 'the form slice:prefix:name' };
  }
  // systemd.slice(5): dashes separate levels, so none may be empty; a lone dash is the root.
  if (slice !== '' && slice !== '-.slice' && !/^[^-]+(?:-[^-]+)*\.slice$/.test(slice)) {
    return { expected: 'a slice without leading, trailing or double dash' };
  }
  const scope = prefix === '' ? `${name}.scope` : `${prefix}-${name}.scope`;
  return { slice: slice === '' ? 'system.slice' : slice, unit: name.endsWith('.slice') ? name : scope };
}

/** `a-b-c.slice` is at `/a.slice/a-b.slice/a-b-c.slice`. */
function slicePath(slice: string): string {
  if (slice === '-.slice') return '';
  const levels = slice.slice(0, -'.slice'.length).split('-');
  return levels.map((_, index) => `/${levels.slice(0, index + 1).join('-')}.slice`).join('');
}
