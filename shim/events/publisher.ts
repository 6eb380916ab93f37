import { exec } from '../../common/exec.ts';
import { Code, invalidArgument, StatusError } from '../../common/errors.ts';
import { EventsDefinition } from '../../proto/gen/containerd/services/events/ttrpc/v1/events.ts';
import { Any } from '../../proto/gen/google/protobuf/any.ts';
import { Client } from '../ttrpc/client.ts';
import { toServiceClient } from '../ttrpc/typed-service.ts';
import type { EventTarget, TaskEvent } from './event.ts';

/** As containerd's own publisher has it: runtime/v2/shim/publisher.go. */
const TIMEOUT_MS = 5_000;

/** Sends one event to a containerd; throws if it was not taken. */
export interface Publisher {
  /** `key` is the event's, whichever daemon sends it. */
  publish(namespace: string, event: TaskEvent, key: string): Promise<void>;
  /** That it was taken is on disk: nobody will send it again. */
  recorded(key: string): void;
  close(): void;
}

/** @throws StatusError a refusal (isRefusal), if there is no containerd to send to. */
export function createPublisher(target: EventTarget): Publisher {
  if (target.ttrpc !== '') return new TtrpcPublisher(target.ttrpc.replace(/^unix:\/\//, ''));
  if (target.grpc !== '' && target.binary !== '') return new CommandPublisher(target);
  throw invalidArgument('containerd gave neither TTRPC_ADDRESS nor -publish-binary: its events have nowhere to go');
}

/** Over containerd's event service on TTRPC_ADDRESS; one connection, made anew after it broke. */
class TtrpcPublisher implements Publisher {
  readonly #path: string;
  #client: Promise<Client> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async publish(namespace: string, { timestamp, topic, typeUrl, value }: TaskEvent): Promise<void> {
    this.#client ??= Client.connect(this.#path);
    const connection = this.#client;
    try {
      const client = await connection;
      const envelope = { timestamp, namespace, topic, event: { typeUrl, value: Buffer.from(value) } };
      await toServiceClient(EventsDefinition, client).forward({ envelope }, { timeoutMs: TIMEOUT_MS });
    } catch (error) {
      // A refusal is an answer. After anything else the next try begins with a new connection.
      if (!isRefusal(error)) this.#drop(connection);
      throw error;
    }
  }

  recorded(): void {
    // Who receives it keeps no answers.
  }

  close(): void {
    if (this.#client !== undefined) this.#drop(this.#client);
  }

  /** Another call may have made a new connection since this one failed. */
  #drop(connection: Promise<Client>): void {
    if (this.#client === connection) this.#client = undefined;
    void connection.then(
      (client) => {
        client.close();
      },
      () => undefined,
    );
  }
}

/** With `containerd publish`, for a containerd without TTRPC_ADDRESS. */
class CommandPublisher implements Publisher {
  readonly #target: EventTarget;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  async publish(namespace: string, { topic, typeUrl, value }: TaskEvent): Promise<void> {
    const { grpc, binary } = this.#target;
    const input = Any.encode({ typeUrl, value: Buffer.from(value) }).finish();
    await exec(binary, ['--address', grpc, 'publish', '--topic', topic, '--namespace', namespace], {
      timeoutMs: TIMEOUT_MS,
      input,
    });
  }

  recorded(): void {
    // Who receives it keeps no answers.
  }

  close(): void {
    // Nothing is kept open.
  }
}

/** Whether containerd refused the event for good: it would refuse it again. */
export function isRefusal(error: unknown): boolean {
  return error instanceof StatusError && (error.code === Code.InvalidArgument || error.code === Code.Unimplemented);
}
