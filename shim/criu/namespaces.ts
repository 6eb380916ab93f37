import { unimplemented } from '../../common/errors.ts';
import type { Namespace, NamespaceType } from '../oci/spec.ts';

/** Those that criu leaves out of a checkpoint, and takes as a descriptor when it restores: by their names in /proc. */
export const INHERITED: Readonly<Partial<Record<NamespaceType, string>>> = { network: 'net', pid: 'pid' };

/** Those that criu puts into a checkpoint whoever’s they are, and joins when it restores. */
export const JOINED: Readonly<Partial<Record<NamespaceType, string>>> = { ipc: 'ipc', uts: 'uts' };

/** What a namespace that is not in the checkpoint is called there. */
export const namespaceKey = (type: NamespaceType) => `lxcri-${type}`;

/** @throws StatusError Unimplemented for a namespace that criu can neither leave out nor join. */
export function checkNamespaces(namespaces: readonly Namespace[]): void {
  const other = namespaces.find(({ type }) => INHERITED[type] === undefined && JOINED[type] === undefined);
  if (other === undefined) return;
  throw unimplemented(
    `config.json: linux.namespaces joins a ${other.type} namespace by path: criu cannot restore a container into one`,
  );
}
