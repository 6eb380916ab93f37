import { join } from 'node:path';
import { MS_BIND } from '../mount-flags.ts';
import { parseMountOptions } from '../mount-options.ts';
import type { Hook, Hooks, Mount, Root, Spec } from '../spec.ts';
import { and, bool, list, map, object, optional, orEmpty, refused, unlessEmpty, type Check } from './check.ts';
import { checkConsistency } from './consistency.ts';
import { checkLinux } from './linux.ts';
import { checkMounts } from './mounts.ts';
import { integer } from './numbers.ts';
import { checkProcess } from './process.ts';
import { absolutePath, line, matching, nonEmpty, text } from './strings.ts';

/** The specification keeps compatibility within a major version; 1.0 was its first release. */
const ociVersion = matching(/^1\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]*)?$/, 'a version of the form 1.MINOR.PATCH');

const root = object<Root>({ path: nonEmpty, readonly: bool });

/** __NEW_UTS_LEN, include/uapi/linux/utsname.h. */
const utsName = and(line, (name) => Buffer.byteLength(name) <= 64, 'at most 64 bytes, the kernel keeps no more');

const hook = object<Hook>({
  path: absolutePath,
  args: optional(list(text)),
  env: list(text),
  timeout: optional(integer(1, 2 ** 31 - 1)),
});

const hooks = object<Hooks>({
  prestart: list(hook),
  createRuntime: list(hook),
  createContainer: list(hook),
  startContainer: list(hook),
  poststart: list(hook),
  poststop: list(hook),
});

const annotations = map(text, nonEmpty);

const otherPlatform = refused('none, as this runtime runs Linux containers only');
type Platforms = Partial<Record<'windows' | 'solaris' | 'vm' | 'zos' | 'freebsd', undefined>>;

const specFields = object<Spec & Platforms>({
  ociVersion,
  process: checkProcess,
  root,
  hostname: unlessEmpty(utsName),
  domainname: unlessEmpty(utsName),
  mounts: checkMounts,
  hooks: orEmpty(hooks),
  annotations,
  linux: orEmpty(checkLinux),
  windows: otherPlatform,
  solaris: otherPlatform,
  vm: otherPlatform,
  zos: otherPlatform,
  freebsd: otherPlatform,
});

/** A whole config.json. `bundle` is the absolute path that relative ones in it are relative to. */
export function checkSpec(bundle: string): Check<Spec> {
  return (value, at) => {
    const checked = specFields(value, at);
    checkConsistency(checked, at);
    return {
      ...checked,
      root: { ...checked.root, path: fromBundle(bundle, checked.root.path) },
      mounts: checked.mounts.map((mount) => resolveSource(bundle, mount)),
    };
  };
}

const fromBundle = (bundle: string, path: string) => (path.startsWith('/') ? path : join(bundle, path));

/** Only a bind's source is a path of the host; others are a device or a mere label. */
function resolveSource(bundle: string, mount: Mount): Mount {
  const bind = (parseMountOptions(mount.options).flags & MS_BIND) !== 0;
  if (!bind || mount.source === undefined) return mount;
  return { ...mount, source: fromBundle(bundle, mount.source) };
}
