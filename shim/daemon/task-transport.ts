import { TaskDefinition } from '../../proto/gen/containerd/task/v2/task.ts';
import type { CallIdentity } from '../task/call-identity.ts';
import type { EncodedHandler } from '../task/task-service.ts';
import type { CallContext, HandlerTable, UnaryHandler } from '../ttrpc/call-context.ts';
import type { RunningCall, Server } from '../ttrpc/server.ts';

/** Task v3 has v2's messages; containerd 2 asks for it first. */
export const TASK_SERVICES = [TaskDefinition.fullName, 'containerd.task.v3.Task'];

/** Whether a call only waits for something to happen: then it can go to another daemon at any moment. */
export const isWaiting = ({ service, method }: RunningCall) =>
  method === TaskDefinition.methods.wait.name && TASK_SERVICES.includes(service);

/** Registers the Task service, in both versions, for the calls of one namespace. `keeper` is the keeper's identity. */
export function registerTaskServices(
  server: Server,
  handlers: ReadonlyMap<string, EncodedHandler>,
  namespace: string,
  keeper: string,
): void {
  const entries = [...handlers].map(([method, handler]): [string, UnaryHandler] => [
    method,
    (payload, context) => handler(namespace, payload, identify(keeper, context)),
  ]);
  const table: HandlerTable = Object.fromEntries(entries);
  for (const service of TASK_SERVICES) server.register(service, table);
}

/** Undefined for a call that no other daemon will ever be given. */
export function identify(keeper: string, { connection, streamId }: CallContext): CallIdentity | undefined {
  return connection.name === undefined ? undefined : `${keeper}/${connection.name}/${streamId}`;
}
