/**
 * Nothing in a config.json is dropped silently. What a backend cannot do yet is refused, with its path; what it can do
 * it names from the table below. Properties that the specification does not know are not in the table: they must be
 * ignored (config.md, Extensibility).
 */
import { invalidArgument, type StatusError } from '../../common/errors.ts';
import { MS_REMOUNT } from './mount-flags.ts';
import { parseMountOptions, type MountOptions } from './mount-options.ts';
import { NAMESPACE_TYPES, type NamespaceType, type Spec } from './spec.ts';

/**
 * Every property that the specification defines for Linux, as fine as a backend may want to tell them apart: paths in
 * which `[]` stands for each item of a list.
 */
const PROPERTIES = [
  'process.terminal',
  'process.consoleSize',
  'process.user.uid',
  'process.user.gid',
  'process.user.umask',
  'process.user.additionalGids',
  'process.args',
  'process.env',
  'process.cwd',
  'process.capabilities.bounding',
  'process.capabilities.effective',
  'process.capabilities.inheritable',
  'process.capabilities.permitted',
  'process.capabilities.ambient',
  'process.rlimits',
  'process.noNewPrivileges',
  'process.apparmorProfile',
  'process.oomScoreAdj',
  'process.scheduler',
  'process.selinuxLabel',
  'process.ioPriority',
  'process.execCPUAffinity',
  'root.path',
  'root.readonly',
  'hostname',
  'domainname',
  'mounts',
  'mounts[].uidMappings',
  'mounts[].gidMappings',
  'hooks.prestart',
  'hooks.createRuntime',
  'hooks.createContainer',
  'hooks.startContainer',
  'hooks.poststart',
  'hooks.poststop',
  'annotations',
  'linux.uidMappings',
  'linux.gidMappings',
  'linux.timeOffsets',
  'linux.devices',
  'linux.netDevices',
  'linux.cgroupsPath',
  'linux.resources.devices',
  'linux.resources.memory.limit',
  'linux.resources.memory.reservation',
  'linux.resources.memory.swap',
  'linux.resources.memory.kernel',
  'linux.resources.memory.kernelTCP',
  'linux.resources.memory.swappiness',
  'linux.resources.memory.disableOOMKiller',
  'linux.resources.memory.useHierarchy',
  'linux.resources.memory.checkBeforeUpdate',
  'linux.resources.cpu.shares',
  'linux.resources.cpu.quota',
  'linux.resources.cpu.burst',
  'linux.resources.cpu.period',
  'linux.resources.cpu.realtimeRuntime',
  'linux.resources.cpu.realtimePeriod',
  'linux.resources.cpu.cpus',
  'linux.resources.cpu.mems',
  'linux.resources.cpu.idle',
  'linux.resources.pids.limit',
  'linux.resources.blockIO.weight',
  'linux.resources.blockIO.leafWeight',
  'linux.resources.blockIO.weightDevice',
  'linux.resources.blockIO.throttleReadBpsDevice',
  'linux.resources.blockIO.throttleWriteBpsDevice',
  'linux.resources.blockIO.throttleReadIOPSDevice',
  'linux.resources.blockIO.throttleWriteIOPSDevice',
  'linux.resources.hugepageLimits',
  'linux.resources.network.classID',
  'linux.resources.network.priorities',
  'linux.resources.rdma',
  'linux.resources.unified',
  'linux.rootfsPropagation',
  'linux.seccomp',
  'linux.sysctl',
  'linux.maskedPaths',
  'linux.readonlyPaths',
  'linux.mountLabel',
  'linux.intelRdt',
  'linux.memoryPolicy',
  'linux.personality.domain',
  'linux.personality.flags',
] as const;

/** Mount options that take more than the flags and data of one mount(2) call. */
const MOUNT_OPTIONS = {
  'mounts[].options:propagation': ({ propagation }) => propagation.length > 0,
  'mounts[].options:recursive': ({ recursiveSet, recursiveClear }) => (recursiveSet | recursiveClear) !== 0,
  'mounts[].options:remount': ({ flags }) => (flags & MS_REMOUNT) !== 0,
  'mounts[].options:tmpcopyup': ({ tmpcopyup }) => tmpcopyup,
  'mounts[].options:idmap': ({ idmap }) => idmap !== undefined,
} as const satisfies Record<string, (options: MountOptions) => boolean>;
type MountOptionField = keyof typeof MOUNT_OPTIONS;

/** A namespace of that type at all, and one by path. */
type NamespaceField = `linux.namespaces[]:${NamespaceType}` | `linux.namespaces[].path:${NamespaceType}`;

/** What a backend honours or not. */
export type SpecField = (typeof PROPERTIES)[number] | MountOptionField | NamespaceField;

const namespaceFields: readonly NamespaceField[] = NAMESPACE_TYPES.flatMap((type) => [
  `linux.namespaces[]:${type}` as const,
  `linux.namespaces[].path:${type}` as const,
]);
const mountOptionFields = Object.keys(MOUNT_OPTIONS) as MountOptionField[];

/** All fields, for `features` and for tests. */
export const SPEC_FIELDS: readonly SpecField[] = [...PROPERTIES, ...mountOptionFields, ...namespaceFields];

/** The fields at or below a path: `fieldsUnder('linux.resources')`. */
export const fieldsUnder = (prefix: string): readonly SpecField[] =>
  SPEC_FIELDS.filter(
    (field) => field === prefix || (field.startsWith(prefix) && /[.[]/.test(field[prefix.length] ?? '')),
  );

/** A spec, or the part of one that an Exec (`process`) or an Update (`linux.resources`) brings. */
export type PartialSpec = { readonly [K in keyof Spec]?: K extends 'linux' ? Partial<Spec['linux']> : Spec[K] };

/**
 * Throws if the spec, which the message calls `document`, says anything in a field that is not in `honoured`. All such places are named at once. The code is
 * InvalidArgument and not Unimplemented, which containerd 2 takes for "this shim does not know the Create call" and
 * then tries again with the older version of the service.
 */
export function refuseUnhonoured(
  spec: PartialSpec,
  honoured: ReadonlySet<SpecField>,
  backend: string,
  document = 'config.json',
): void {
  const paths = unhonoured(spec, honoured);
  if (paths.length > 0) throw refusal(paths, backend, document);
}

const NAMED = 20;

function refusal(paths: readonly string[], backend: string, document: string): StatusError {
  const more = paths.length > NAMED ? ` and ${paths.length - NAMED} more` : '';
  const [is, it] = paths.length === 1 ? ['is', 'it'] : ['are', 'them'];
  const list = paths.slice(0, NAMED).join(', ') + more;
  return invalidArgument(`${document}: ${list} ${is} not supported by the ${backend} backend yet: remove ${it}`);
}

/** The places, as `mounts[3].uidMappings`, in which the spec says something that is not honoured. */
export function unhonoured(spec: PartialSpec, honoured: ReadonlySet<SpecField>): readonly string[] {
  return [
    ...PROPERTIES.filter((field) => !honoured.has(field)).flatMap((field) => saidIn(spec, field)),
    ...unhonouredMountOptions(spec, honoured),
    ...unhonouredNamespaces(spec, honoured),
  ];
}

function unhonouredMountOptions(spec: PartialSpec, honoured: ReadonlySet<SpecField>): readonly string[] {
  const refused = mountOptionFields.filter((field) => !honoured.has(field));
  return (spec.mounts ?? []).flatMap((mount, index) => {
    const options = parseMountOptions(mount.options);
    return refused
      .filter((field) => MOUNT_OPTIONS[field](options))
      .map((field) => `mounts[${index}].options (${field.slice(field.indexOf(':') + 1)})`);
  });
}

function unhonouredNamespaces(spec: PartialSpec, honoured: ReadonlySet<SpecField>): readonly string[] {
  return (spec.linux?.namespaces ?? []).flatMap(({ type, path }, index) => {
    if (!honoured.has(`linux.namespaces[]:${type}`)) return [`linux.namespaces[${index}] (${type})`];
    if (path === undefined || honoured.has(`linux.namespaces[].path:${type}`)) return [];
    return [`linux.namespaces[${index}].path (${type})`];
  });
}

/** The places that a path with `[]` reaches and where something is said. */
function saidIn(spec: PartialSpec, field: string): readonly string[] {
  let places: [path: string, value: unknown][] = [['', spec]];
  for (const part of field.split('.')) {
    const key = part.replace('[]', '');
    places = places.map(([path, value]) => [path === '' ? key : `${path}.${key}`, property(value, key)]);
    if (part.endsWith('[]')) places = places.flatMap(([path, value]) => items(path, value));
  }
  return places.filter(([, value]) => says(value)).map(([path]) => path);
}

const property = (value: unknown, key: string): unknown => (value as Record<string, unknown> | undefined)?.[key];

function items(path: string, value: unknown): [string, unknown][] {
  return Array.isArray(value) ? value.map((item: unknown, index) => [`${path}[${index}]`, item]) : [];
}

/** `false` and empty lists and objects are what absent ones are normalised to. Numbers always say something. */
function says(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== false;
}
