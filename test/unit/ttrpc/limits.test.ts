import test from 'ava';
import { Code } from '../../../common/errors.ts';
import { MAX_DATA_BYTES, MessageType } from '../../../shim/ttrpc/frame.ts';
import {
  bytes,
  deferred,
  echo,
  RawPeer,
  rawFrame,
  requestFrame,
  SERVICE,
  settle,
  startServer,
  text,
} from './support.ts';

/** What the envelope of a reply takes of the limit: one byte of tag, four of length. */
const REPLY_OVERHEAD = 5;

test('an oversize request is answered with ResourceExhausted, and the connection lives on', async (t) => {
  const { socketPath } = await startServer(t, echo);
  const peer = await RawPeer.connect(t, socketPath);
  peer.write(rawFrame(1, MessageType.Request, 0, Buffer.alloc(MAX_DATA_BYTES + 1)));
  t.like(await peer.nextAnswer(), {
    streamId: 1,
    status: {
      code: Code.ResourceExhausted,
      message: `message length ${MAX_DATA_BYTES + 1} exceed maximum message size of ${MAX_DATA_BYTES}`,
    },
  });
  peer.write(requestFrame(3, { payload: bytes('next') }));
  t.like(await peer.nextAnswer(), { streamId: 3, payload: 'next' });
});

test('the largest reply arrives; one byte more becomes ResourceExhausted', async (t) => {
  const { connectClient } = await startServer(t, {
    Fill: (payload) => Promise.resolve(Buffer.alloc(Number(text(payload)), 'x')),
  });
  const client = await connectClient();
  const largest = MAX_DATA_BYTES - REPLY_OVERHEAD;
  const reply = await client.call(SERVICE, 'Fill', bytes(String(largest)));
  t.is(reply.length, largest);
  t.is(Buffer.compare(reply, Buffer.alloc(largest, 'x')), 0);
  t.like(await t.throwsAsync(client.call(SERVICE, 'Fill', bytes(String(largest + 1)))), {
    code: Code.ResourceExhausted,
    message: `message length ${MAX_DATA_BYTES + 1} exceed maximum message size of ${MAX_DATA_BYTES}`,
  });
  t.is((await client.call(SERVICE, 'Fill', bytes('3'))).length, 3);
});

test('a reply that would be oversize is not sent at all', async (t) => {
  const { socketPath } = await startServer(t, { Fill: () => Promise.resolve(Buffer.alloc(MAX_DATA_BYTES)) });
  const peer = await RawPeer.connect(t, socketPath);
  peer.write(requestFrame(1, { method: 'Fill' }));
  t.like(await peer.nextAnswer(), { streamId: 1, payload: '', status: { code: Code.ResourceExhausted } });
});

test('an error too long for a frame is cut short and keeps its code', async (t) => {
  const { connectClient } = await startServer(t, {
    Fail: () => Promise.reject(new Error('e'.repeat(MAX_DATA_BYTES + 1))),
  });
  const client = await connectClient();
  const error = await t.throwsAsync(client.call(SERVICE, 'Fail', bytes('')));
  t.like(error, { code: Code.Unknown });
  t.regex(error.message, /^e+…$/);
});

test('no more requests are read from a peer that does not read their answers', async (t) => {
  const requests = 1000;
  let handled = 0;
  const { socketPath, connectClient } = await startServer(t, {
    ...echo,
    Large: () => {
      handled++;
      return Promise.resolve(Buffer.alloc(64 * 1024));
    },
  });
  const deaf = await RawPeer.connect(t, socketPath);
  deaf.socket.pause();
  for (let i = 0; i < requests; i++)
    deaf.write(requestFrame(2 * i + 1, { method: 'Large', payload: Buffer.alloc(300) }));
  const other = await connectClient();
  await settle(other);
  // One turn's worth of frames may be under way when the first answers meet the full socket.
  t.true(handled > 0 && handled <= 128, `${handled} of ${requests} were handled`);
  const stopped = handled;
  await settle(other);
  t.is(handled, stopped);

  deaf.socket.resume();
  for (let i = 0; i < requests; i++) t.is((await deaf.next())?.streamId, 2 * i + 1);
  t.is(handled, requests);
});

test('answers of calls that were running are delivered to a peer that starts to read late', async (t) => {
  const gate = deferred();
  let running = 0;
  const { socketPath, connectClient } = await startServer(t, {
    ...echo,
    Large: async () => {
      running++;
      await gate.promise;
      return Buffer.alloc(1 << 20);
    },
  });
  const deaf = await RawPeer.connect(t, socketPath);
  deaf.socket.pause();
  for (let i = 0; i < 8; i++) deaf.write(requestFrame(2 * i + 1, { method: 'Large' }));
  const other = await connectClient();
  while (running < 8) await other.call(SERVICE, 'Echo', bytes(''));
  gate.resolve();
  await settle(other);
  deaf.socket.resume();
  for (let i = 0; i < 8; i++) t.true(((await deaf.next())?.length ?? 0) > 1 << 20);
  deaf.write(requestFrame(99, { payload: bytes('and on') }));
  t.like(await deaf.nextAnswer(), { streamId: 99, payload: 'and on' });
});

test('a client with very many large calls at once gets every answer', async (t) => {
  const { connectClient } = await startServer(t, echo);
  const client = await connectClient();
  const payload = Buffer.alloc(32 * 1024, 'p');
  const replies = await Promise.all(Array.from({ length: 500 }, () => client.call(SERVICE, 'Echo', payload)));
  t.true(replies.every((reply) => Buffer.compare(reply, payload) === 0));
});
