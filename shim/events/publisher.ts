import { exec } from '../../common/exec.ts';
import { Code, invalidArgument, StatusError } from '../../common/errors.ts';
import { EventsDefinition, ForwardRequest } from '../../proto/gen/containerd/services/events/ttrpc/v1/events.ts';
import { Any } from '../../proto/gen/google/protobuf/any.ts';
import { payloadOf } from '../ttrpc/client.ts';
import { encodeRequestFrame } from '../ttrpc/envelope.ts';
import { HEADER_BYTES, MAX_DATA_BYTES, oversizeMessage } from '../ttrpc/frame.ts';
import type { Courier } from './courier.ts';
import type { EventTarget, TaskEvent } from './event.ts';

/** As containerd's own publisher has it: runtime/v2/shim/publisher.go. */
const TIMEOUT_MS = 5_000;

/** Sends events to a containerd. */
export interface Publisher {
  /** Throws if the event was not taken. `key` tells it from all others, also in a later daemon. */
  publish(namespace: string, event: TaskEvent, key: string): Promise<void>;
  /** It is on disk that the event was taken, or refused: it will not be sent again. */
  recorded(key: string): void;
}

/** @throws StatusError a refusal (isRefusal), if there is no containerd to send to. */
export function createPublisher(target: EventTarget, courier: Courier): Publisher {
  if (target.ttrpc !== '') return new TtrpcPublisher(target.ttrpc.replace(/^unix:\/\//, ''), courier);
  if (target.grpc !== '' && target.binary !== '') return new CommandPublisher(target);
  throw invalidArgument('containerd gave neither TTRPC_ADDRESS nor -publish-binary: its events have nowhere to go');
}

/** Over containerd's event service on TTRPC_ADDRESS. */
class TtrpcPublisher implements Publisher {
  readonly #address: string;
  readonly #courier: Courier;

  constructor(address: string, courier: Courier) {
    this.#address = address;
    this.#courier = courier;
  }

  async publish(namespace: string, event: TaskEvent, key: string): Promise<void> {
    const response = await this.#courier.forward(key, this.#address, encodeForward(namespace, event));
    try {
      payloadOf(response);
    } catch (error) {
      // The next try is to be sent, not to be given the same answer.
      if (!isRefusal(error)) this.#courier.recorded(key);
      throw error;
    }
  }

  recorded(key: string): void {
    this.#courier.recorded(key);
  }
}

/**
 * The data of a request frame. It has no timeout: containerd would give the event up, perhaps after it was told to some
 * of its clients.
 */
function encodeForward(namespace: string, { timestamp, topic, typeUrl, value }: TaskEvent): Uint8Array {
  const envelope = { timestamp, namespace, topic, event: { typeUrl, value: Buffer.from(value) } };
  const frame = encodeRequestFrame(0, {
    service: EventsDefinition.fullName,
    method: EventsDefinition.methods.forward.name,
    payload: ForwardRequest.encode({ envelope }).finish(),
    timeoutNano: 0n,
    metadata: [],
  });
  const length = frame.length - HEADER_BYTES;
  if (length > MAX_DATA_BYTES) throw invalidArgument(oversizeMessage(length));
  return frame.subarray(HEADER_BYTES);
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
    // Nothing is kept.
  }
}

/** Whether containerd refused the event for good: it would refuse it again. */
export function isRefusal(error: unknown): boolean {
  return error instanceof StatusError && (error.code === Code.InvalidArgument || error.code === Code.Unimplemented);
}
