import { TaskDefinition } from '../../proto/gen/containerd/task/v2/task.ts';
import { invalidArgument } from '../../common/errors.ts';
import { checkIdentifier } from '../oci/container-id.ts';
import type { HandlerTable, UnaryHandler } from '../ttrpc/call-context.ts';
import type { Server } from '../ttrpc/server.ts';
import type { EncodedHandler } from '../task/task-service.ts';

/** Task v3 has v2's messages; containerd 2 asks for it first. */
export const TASK_SERVICES = [TaskDefinition.fullName, 'containerd.task.v3.Task'];

/**
 * In which namespace a call is: the one of the socket it came by, else what the caller says. containerd 1.6 says
 * nothing, and needs nothing, as runc's shim has a process for each container.
 */
export function namespaceOf(endpoint: string | undefined, said: string | undefined, key: string): string {
  if (endpoint !== undefined) return endpoint;
  if (said !== undefined) return checkIdentifier(said, 'namespace');
  throw invalidArgument(`the request has no namespace: expected metadata ${key}`);
}

/** containerd, namespaces/ttrpc.go. */
const NAMESPACE_KEY = 'containerd-namespace-ttrpc';

/** Registers the Task service, in both versions. `endpoint` is the namespace of the socket, if it has one. */
export function registerTaskServices(
  server: Server,
  handlers: ReadonlyMap<string, EncodedHandler>,
  endpoint: string | undefined,
): void {
  const entries = [...handlers].map(([method, handler]): [string, UnaryHandler] => [
    method,
    async (payload, { metadata, connection, streamId }) =>
      handler(
        namespaceOf(endpoint, metadata.get(NAMESPACE_KEY)?.[0], NAMESPACE_KEY),
        payload,
        `${process.pid}.0/${connection.id}/${streamId}`,
      ),
  ]);
  const table: HandlerTable = Object.fromEntries(entries);
  for (const service of TASK_SERVICES) server.register(service, table);
}
