import type { NamespaceType } from './spec.ts';

/**
 * The path below /proc/sys that a sysctl key names, or `undefined` for a key that names none. As in sysctl(8), the
 * first separator decides: after a dot, dots separate and `/` stands for a dot (`net.ipv4.conf.eno2/100.rp_filter`);
 * after a slash, slashes separate and dots stand for themselves.
 */
export function sysctlFile(key: string): string | undefined {
  const path = /^[^./]*\./.test(key) ? key.replace(/[./]/g, (c) => (c === '.' ? '/' : '.')) : key;
  const names = path.split('/');
  return names.length > 1 && names.every((name) => !/^\.{0,2}$/.test(name)) ? path : undefined;
}

/** System V IPC: the sysctls of ipc/ipc_sysctl.c that an IPC namespace has for itself, as in runc. */
const IPC = new Set(
  ['msgmax', 'msgmnb', 'msgmni', 'sem', 'shmall', 'shmmax', 'shmmni', 'shm_rmid_forced'].map(
    (name) => `kernel/${name}`,
  ),
);

/**
 * The namespace that must be the container's own for this path below /proc/sys to be its own too, or `undefined` where
 * the value belongs to the whole machine. The rule is runc's (libcontainer/configs/validate, sysctl).
 */
export function sysctlNamespace(path: string): NamespaceType | undefined {
  if (IPC.has(path) || path.startsWith('fs/mqueue/')) return 'ipc';
  if (path.startsWith('net/')) return 'network';
  if (path.startsWith('user/')) return 'user';
  if (path === 'kernel/domainname' || path === 'kernel/hostname') return 'uts';
  return undefined;
}
