import { Client as GrpcClient, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { StatusError } from '../../common/errors.ts';
import { TaskDefinition } from '../../proto/gen/containerd/task/v2/task.ts';
import type { Client } from '../../shim/ttrpc/client.ts';
import { toServiceClient, type ServiceClient } from '../../shim/ttrpc/typed-service.ts';

const TIMEOUT_MS = 30_000;

/** One way to speak to a shim's Task service. */
export interface TaskTransport {
  readonly name: string;
  readonly task: ServiceClient<typeof TaskDefinition>;
  /** A call with a payload that may be no message. @throws StatusError what the shim answers. */
  readonly call: (method: string, payload: Uint8Array) => Promise<Uint8Array>;
  readonly close: () => void;
}

/** Task v2 and v3 have the same messages, so one definition serves both. */
const asClient = ({ call }: Pick<TaskTransport, 'call'>) =>
  toServiceClient(TaskDefinition, { call: (_service, method, payload) => call(method, payload) });

export function ttrpcTransport(client: Client, version: 'v2' | 'v3'): TaskTransport {
  const call = (method: string, payload: Uint8Array) =>
    client.call(`containerd.task.${version}.Task`, method, payload, { timeoutMs: TIMEOUT_MS });
  const close = () => {
    client.close();
  };
  return { name: `ttrpc ${version}`, task: asClient({ call }), call, close };
}

/** As containerd 2 dials a shim whose bootstrap says `grpc`. */
export function grpcTransport(address: string, namespace: string): TaskTransport {
  const client = new GrpcClient(address, credentials.createInsecure());
  const metadata = new Metadata();
  if (namespace !== '') metadata.set('containerd-namespace', namespace);
  const pass = (bytes: Uint8Array) => Buffer.from(bytes);
  const call = (method: string, payload: Uint8Array) =>
    new Promise<Uint8Array>((resolve, reject) => {
      const options = { deadline: Date.now() + TIMEOUT_MS };
      const answer = (error: ServiceError | null, reply: Uint8Array | undefined) => {
        if (error !== null) reject(new StatusError(error.code, error.details, { cause: error }));
        else resolve(reply ?? new Uint8Array());
      };
      client.makeUnaryRequest(`/containerd.task.v3.Task/${method}`, pass, pass, payload, metadata, options, answer);
    });
  const close = () => {
    client.close();
  };
  return { name: 'gRPC v3', task: asClient({ call }), call, close };
}
