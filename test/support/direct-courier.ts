import { StatusError } from '../../common/errors.ts';
import type { Courier } from '../../shim/events/courier.ts';
import { Client } from '../../shim/ttrpc/client.ts';
import { decodeRequest, encodeReplyFrame, encodeStatusFrame } from '../../shim/ttrpc/envelope.ts';
import { HEADER_BYTES } from '../../shim/ttrpc/frame.ts';

/** Brings requests to containerd as the keeper does, from within the process; it keeps no answers. */
export class DirectCourier implements Courier {
  readonly #clients = new Map<string, Promise<Client>>();
  /** The keys that were sent, each time. */
  readonly sent: string[] = [];
  /** The keys whose answers are not needed any more. */
  readonly done: string[] = [];

  async forward(key: string, address: string, request: Uint8Array): Promise<Uint8Array> {
    this.sent.push(key);
    const connecting = this.#clients.get(address) ?? Client.connect(address);
    this.#clients.set(address, connecting);
    try {
      const client = await connecting;
      const { service, method, payload } = decodeRequest(request);
      return await answerOf(client, client.call(service, method, payload));
    } catch (error) {
      if (this.#clients.get(address) === connecting) this.#clients.delete(address);
      throw error;
    }
  }

  recorded(key: string): void {
    this.done.push(key);
  }

  close(): void {
    for (const connecting of this.#clients.values()) {
      void connecting.then(
        (client) => {
          client.close();
        },
        () => undefined,
      );
    }
    this.#clients.clear();
  }
}

async function answerOf(client: Client, call: Promise<Uint8Array>): Promise<Uint8Array> {
  const frame = await call.then(
    (payload) => encodeReplyFrame(0, payload),
    (error: unknown) => {
      if (client.isClosed || !(error instanceof StatusError)) throw error;
      return encodeStatusFrame(0, { code: error.code, message: error.message });
    },
  );
  return frame.subarray(HEADER_BYTES);
}
