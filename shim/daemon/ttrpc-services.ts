import { CleanupRequest, ShimDefinition } from '../../proto/gen/proxmox/lxcri/v1/shim.ts';
import { TaskDefinition } from '../../proto/gen/containerd/task/v2/task.ts';
import { invalidArgument } from '../../common/errors.ts';
import { checkIdentifier } from '../oci/container-id.ts';
import type { CallContext, HandlerTable } from '../ttrpc/call-context.ts';
import type { Server } from '../ttrpc/server.ts';
import { toHandlerTable } from '../ttrpc/typed-service.ts';
import type { EncodedHandler } from '../task/task-service.ts';
import { now } from '../events/event.ts';
import { exitTime } from '../events/task-events.ts';
import type { ContainerRegistry } from '../task/container-registry.ts';

/** The namespace header of ttrpc: containerd, namespaces/ttrpc.go. */
const NAMESPACE_KEY = 'containerd-namespace-ttrpc';

/** Task v3 has v2's messages; containerd 2 asks for it first. */
export const TASK_SERVICES = [TaskDefinition.fullName, 'containerd.task.v3.Task'];

const SIGKILLED_STATUS = 137;

/** Registers the Task service, in both versions, and the launcher's own on a ttrpc server. */
export function registerTtrpcServices(
  server: Server,
  handlers: ReadonlyMap<string, EncodedHandler>,
  registry: ContainerRegistry,
): void {
  const table: HandlerTable = Object.fromEntries(
    [...handlers].map(([method, handler]) => [
      method,
      (payload: Uint8Array, context: CallContext) => handler(namespaceOf(context), payload),
    ]),
  );
  for (const service of TASK_SERVICES) server.register(service, table);
  server.register(
    ShimDefinition.fullName,
    toHandlerTable(ShimDefinition, { cleanup: (request) => cleanUp(request, registry) }),
  );
}

function namespaceOf({ metadata }: CallContext): string {
  const namespace = metadata.get(NAMESPACE_KEY)?.[0];
  if (namespace === undefined)
    throw invalidArgument(`the request has no namespace: expected metadata ${NAMESPACE_KEY}`);
  return checkIdentifier(namespace, 'namespace');
}

/** For `containerd-shim-lxcri-v1 delete`, which containerd runs when it has given a container up. */
async function cleanUp({ namespace, id }: CleanupRequest, registry: ContainerRegistry) {
  checkIdentifier(namespace, 'namespace');
  checkIdentifier(id, 'container id');
  const pid = registry.find(namespace, id)?.pid ?? 0;
  const exit = await registry.cleanUp(namespace, id);
  if (exit === undefined) return { pid, exitStatus: SIGKILLED_STATUS, exitedAt: now() };
  return { pid, exitStatus: exit.status, exitedAt: exitTime(exit) };
}
