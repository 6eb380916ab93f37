import test from 'ava';
import fc from 'fast-check';
import { MalformedFrameError } from '../../../shim/ttrpc/frame.ts';
import { bytes, deferred, echo, RawPeer, requestFrame, SERVICE, startServer, text } from './support.ts';

test('what is no ttrpc closes its connection with a reason in the log, and no other', async (t) => {
  const { connectClient, socketPath, log, server } = await startServer(t, echo);
  const client = await connectClient();
  await client.call(SERVICE, 'Echo', bytes('before'));
  const stranger = await RawPeer.connect(t, socketPath);
  stranger.write(bytes('GET / HTTP/1.1\r\n\r\n'));
  await stranger.closed;
  t.is(await stranger.next(), undefined);
  t.is(log.length, 1);
  t.like(log[0], { level: 'warn' });
  t.true(log[0]?.err instanceof MalformedFrameError);
  t.regex(log[0]?.message ?? '', /closed a connection: not a ttrpc frame/);
  t.is(text(await client.call(SERVICE, 'Echo', bytes('after'))), 'after');
  t.is(server.connectionCount, 1);
});

test('a good request before bad bytes is started, and cancelled with its connection', async (t) => {
  const canceled = deferred<unknown>();
  const { socketPath } = await startServer(t, {
    Wait: (_, { signal }) =>
      new Promise(() => {
        signal.addEventListener('abort', () => {
          canceled.resolve(signal.reason);
        });
      }),
  });
  const peer = await RawPeer.connect(t, socketPath);
  peer.write(Buffer.concat([requestFrame(1, { method: 'Wait' }), bytes('garbage of more than a header')]));
  await peer.closed;
  t.like(await canceled.promise, { message: 'the connection of the caller closed' });
});

test('a connection that ends inside a frame is told in the log; one that ends between frames is not', async (t) => {
  const { socketPath, log } = await startServer(t, echo);
  const [whole, half] = [requestFrame(1, {}), requestFrame(3, {}).subarray(0, -1)];
  for (const stream of [whole, Buffer.concat([whole, half])]) {
    const peer = await RawPeer.connect(t, socketPath);
    peer.write(stream);
    await peer.next();
    peer.socket.end();
    await peer.closed;
  }
  t.deepEqual(
    log.map(({ level, message }) => [level, message]),
    [
      ['debug', 'ttrpc: connection closed'],
      ['warn', 'ttrpc: closed a connection: the connection ended inside a frame'],
    ],
  );
});

interface Mutation {
  readonly at: number;
  readonly remove: number;
  readonly insert: Uint8Array;
}

const anyMutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.integer({ min: 0, max: 12 }),
  insert: fc.uint8Array({ maxLength: 12 }),
});

function mutate(stream: Buffer, { at, remove, insert }: Mutation): Buffer {
  const start = Math.floor(at * stream.length);
  return Buffer.concat([stream.subarray(0, start), insert, stream.subarray(start + remove)]);
}

test('any mutated bytes harm neither the process nor another connection', async (t) => {
  const { connectClient, socketPath, server } = await startServer(t, {
    ...echo,
    Fail: () => Promise.reject(new Error('on purpose')),
  });
  const client = await connectClient();
  const stream = Buffer.concat([
    requestFrame(1, { payload: bytes('payload'), metadata: [['key', 'value']], timeoutNano: 5_000_000_000n }),
    requestFrame(3, { method: 'Fail', payload: Buffer.alloc(50) }),
    requestFrame(5, { method: 'Unknown' }),
    requestFrame(7, { payload: Buffer.alloc(200) }),
  ]);
  const mutations = fc.array(anyMutation, { minLength: 1, maxLength: 4 });
  const property = fc.asyncProperty(mutations, fc.integer({ min: 1, max: 400 }), async (all, chunkSize) => {
    const bad = all.reduce(mutate, stream);
    const peer = await RawPeer.connect(t, socketPath);
    for (let start = 0; start < bad.length; start += chunkSize) peer.write(bad.subarray(start, start + chunkSize));
    const answer = client.call(SERVICE, 'Echo', bytes('unharmed'));
    peer.socket.end();
    await peer.closed;
    t.is(text(await answer), 'unharmed');
  });
  await fc.assert(property, { numRuns: 300 });
  t.is(server.connectionCount, 1);
  t.is(server.activeCalls, 0);
});
