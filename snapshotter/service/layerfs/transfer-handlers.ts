import type {
  LayerFsDefinition,
  ReceiveRequest,
  ReceiveResponse,
  SendResponse,
} from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import { findLayer } from '../../layerfs/find-layer.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { LayerFs } from '../../layerfs/layerfs.ts';
import { receiveChain } from '../../layerfs/transfer/receive-chain.ts';
import { estimateChain, sendChain } from '../../layerfs/transfer/send-chain.ts';
import type { Handlers } from '../grpc-handlers.ts';
import { progress } from './to-wire.ts';
import { withProgress } from './with-progress.ts';

type Transfers = Pick<Handlers<typeof LayerFsDefinition>, 'send' | 'receive'>;

/** The verbs that take layers from one host to another. */
export function transferHandlers(layerFs: LayerFs): Transfers {
  return {
    send: ({ name }, signal) => send(layerFs, findLayer(layerFs.graph, name), signal),
    receive: (requests, signal) => receive(layerFs, requests, signal),
  };
}

async function* send(layerFs: LayerFs, layer: Layer, signal: AbortSignal): AsyncGenerator<SendResponse> {
  yield { data: Buffer.alloc(0), estimate: await estimateChain(layerFs, layer) };
  for await (const data of sendChain(layerFs, layer, signal)) yield { data, estimate: 0n };
}

async function* receive(
  layerFs: LayerFs,
  requests: AsyncIterable<ReceiveRequest>,
  signal: AbortSignal,
): AsyncGenerator<ReceiveResponse> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return;
  const { prefix, data } = first.value;
  const stream = bytesOf(data, { [Symbol.asyncIterator]: () => iterator });
  let name = '';
  let done = 0;
  const chain = receiveChain(layerFs, stream, { prefix, signal, progress: (bytes) => (done += bytes) });
  try {
    for (;;) {
      const work = withProgress(signal, () => chain.next());
      let step = await work.next();
      for (; step.done !== true; step = await work.next()) yield progress(name, BigInt(done));
      if (step.value.done === true) return;
      ({ name } = step.value.value);
      yield { message: { $case: 'layer', layer: step.value.value } };
    }
  } finally {
    await chain.return(undefined);
  }
}

async function* bytesOf(first: Uint8Array, requests: AsyncIterable<ReceiveRequest>): AsyncGenerator<Uint8Array> {
  yield first;
  for await (const { data } of requests) yield data;
}
