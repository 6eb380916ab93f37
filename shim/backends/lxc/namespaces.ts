import { invalidArgument } from '../../../common/errors.ts';
import type { Plan } from '../../monitor/plan.ts';
import { checkNamespacePaths } from '../../oci/namespace-paths.ts';
import type { Namespace, NamespaceType, Spec } from '../../oci/spec.ts';
import type { LxcConfig } from './lxc-config.ts';

/** OCI's names and liblxc's (namespace.c, ns_info). */
const LXC_NAMES: Readonly<Record<NamespaceType, string>> = {
  pid: 'pid',
  network: 'net',
  mount: 'mnt',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
};

/** include/uapi/linux/sched.h */
const CLONE_FLAGS: Readonly<Record<NamespaceType, number>> = {
  time: 0x00000080,
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
};

export const findNamespace = (spec: Spec, type: NamespaceType): Namespace | undefined =>
  spec.linux.namespaces.find((namespace) => namespace.type === type);

/** A namespace of its own, rather than the host's or somebody else's. */
export const hasNewNamespace = (spec: Spec, type: NamespaceType): boolean => {
  const namespace = findNamespace(spec, type);
  return namespace !== undefined && namespace.path === undefined;
};

/** Sets `lxc.namespace.*`, the network and the id mappings. A type that is not listed stays the host's. */
export async function configureNamespaces(
  config: LxcConfig,
  spec: Spec,
  hostNetwork: string | undefined,
): Promise<void> {
  const { namespaces, uidMappings, gidMappings } = spec.linux;
  if (!hasNewNamespace(spec, 'mount')) {
    throw invalidArgument(
      'config.json: linux.namespaces has no new mount namespace: the lxc backend needs one; add {"type": "mount"}',
    );
  }
  await checkNamespacePaths(spec);
  const created = namespaces.filter(({ path }) => path === undefined).map(({ type }) => LXC_NAMES[type]);
  config.set('lxc.namespace.clone', created.join(' '), 'linux.namespaces');
  for (const [index, { type, path }] of namespaces.entries()) {
    if (path !== undefined)
      config.set(`lxc.namespace.share.${LXC_NAMES[type]}`, path, `linux.namespaces[${index}].path`);
  }
  // liblxc runs in a network namespace of the daemon's own (shim/native/launcher/daemon-child.c says why).
  if (findNamespace(spec, 'network') === undefined && hostNetwork !== undefined) {
    config.set('lxc.namespace.share.net', hostNetwork);
  }
  if (hasNewNamespace(spec, 'network')) {
    // A namespace with nothing but lo; without the flag, lo stays down.
    config.set('lxc.net.0.type', 'empty').set('lxc.net.0.flags', 'up');
  }
  for (const { containerID, hostID, size } of uidMappings)
    config.set('lxc.idmap', `u ${containerID} ${hostID} ${size}`);
  for (const { containerID, hostID, size } of gidMappings)
    config.set('lxc.idmap', `g ${containerID} ${hostID} ${size}`);
}

/** Has the monitor check the type of each namespace that is joined by path, which liblxc does not, and Node cannot. */
export function planNamespaces({ linux }: Spec, plan: Plan): void {
  linux.namespaces.forEach(({ type, path }, index) => {
    if (path === undefined) return;
    plan.add('field', `linux.namespaces[${index}].path`).add('namespace', type, CLONE_FLAGS[type], path);
  });
}
