import { stat, statfs } from 'node:fs/promises';
import { invalidArgument } from '../../common/errors.ts';
import type { Namespace, NamespaceType, Spec } from './spec.ts';
import { sysctlFile, sysctlNamespace } from './sysctl.ts';

/** The file system of namespace files: NSFS_MAGIC, include/uapi/linux/magic.h. */
const NSFS_MAGIC = 0x6e736673;

const PROC_NAMES: Readonly<Record<NamespaceType, string>> = {
  pid: 'pid',
  network: 'net',
  mount: 'mnt',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
};

/**
 * Looks at the namespaces that the spec joins by path: each must be there and be a namespace, and where the container
 * would set a host name or a sysctl in one, it must not be the host's own. Throws InvalidArgument with the path.
 * That it is of the right type takes a system call that Node does not have: it is left to whoever joins it.
 */
export async function checkNamespacePaths(spec: Spec): Promise<void> {
  await Promise.all(spec.linux.namespaces.map((namespace, index) => checkPath(spec, namespace, index)));
}

async function checkPath(spec: Spec, { type, path }: Namespace, index: number): Promise<void> {
  if (path === undefined) return;
  const refuse = (expected: string, cause?: unknown) =>
    invalidArgument(`config.json: linux.namespaces[${index}].path is ${JSON.stringify(path)}: expected ${expected}`, {
      cause,
    });
  const found = await identify(path).catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    throw refuse(`the file of a namespace (${code})`, error);
  });
  if (!found.isNamespace) throw refuse('the file of a namespace, such as /proc/PID/ns/net');
  const setting = settingIn(spec, type);
  if (setting === undefined) return;
  const host = await identify(`/proc/self/ns/${PROC_NAMES[type]}`);
  if (found.id === host.id) throw refuse(`another namespace than the host's, as ${setting} is set in it`);
}

async function identify(path: string): Promise<{ id: string; isNamespace: boolean }> {
  const [file, fileSystem] = await Promise.all([stat(path), statfs(path)]);
  return { id: `${file.dev}:${file.ino}`, isNamespace: fileSystem.type === NSFS_MAGIC };
}

/** The path of something in the spec that changes a namespace of this type for everyone in it. */
function settingIn(spec: Spec, type: NamespaceType): string | undefined {
  if (type === 'uts' && spec.hostname !== undefined) return 'hostname';
  if (type === 'uts' && spec.domainname !== undefined) return 'domainname';
  const key = Object.keys(spec.linux.sysctl).find((name) => sysctlNamespace(sysctlFile(name) ?? '') === type);
  return key === undefined ? undefined : `linux.sysctl[${JSON.stringify(key)}]`;
}
