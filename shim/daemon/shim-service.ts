import { ShimDefinition, type CleanupRequest } from '../../proto/gen/proxmox/lxcri/v1/shim.ts';
import { now } from '../events/event.ts';
import { exitTime } from '../events/task-events.ts';
import { SIGKILLED_STATUS } from '../monitor/messages.ts';
import { checkIdentifier } from '../oci/container-id.ts';
import type { CallIdentity } from '../task/call-identity.ts';
import type { ContainerRegistry } from '../task/container-registry.ts';
import type { HandlerTable } from '../ttrpc/call-context.ts';
import { toHandlerTable } from '../ttrpc/typed-service.ts';
import { identify } from './task-transport.ts';

/** The launcher's own service: proto/proxmox/lxcri/v1/shim.proto. */
export function shimHandlers(registry: ContainerRegistry, keeper: string): HandlerTable {
  return toHandlerTable(ShimDefinition, {
    cleanup: (request, context) => cleanUp(request, registry, identify(keeper, context)),
  });
}

/** For `containerd-shim-lxcri-v1 delete`, which containerd runs when it has given a container up. */
async function cleanUp({ namespace, id }: CleanupRequest, registry: ContainerRegistry, call: CallIdentity | undefined) {
  checkIdentifier(namespace, 'namespace');
  checkIdentifier(id, 'container id');
  const removed = await registry.cleanUp(namespace, id, call);
  if (removed === undefined) return { pid: 0, exitStatus: SIGKILLED_STATUS, exitedAt: now() };
  const { pid, exit } = removed;
  return { pid, exitStatus: exit.status, exitedAt: exitTime(exit) };
}
