import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Code, StatusError } from '../../../common/errors.ts';
import { Client } from '../../../shim/ttrpc/client.ts';
import { decodeRequest, encodeReplyFrame, encodeStatusFrame } from '../../../shim/ttrpc/envelope.ts';
import { MalformedFrameError, MAX_DATA_BYTES, MessageType } from '../../../shim/ttrpc/frame.ts';
import { bytes, makeSocketPath, RawPeer, rawFrame, text } from './support.ts';

/** A client, and in place of a server a peer that the test plays. */
async function connectPair(t: ExecutionContext) {
  const socketPath = await makeSocketPath(t);
  const listener = createServer();
  listener.listen(socketPath);
  await once(listener, 'listening');
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const client = await Client.connect(socketPath);
  const [socket] = await accepted;
  t.teardown(() => {
    client.close();
    socket.destroy();
    listener.close();
  });
  const peer = new RawPeer(socket);
  const nextRequest = async () => {
    const frame = await peer.next();
    if (frame === undefined) throw new Error('the client closed the connection');
    return { streamId: frame.streamId, type: frame.type, flags: frame.flags, ...decodeRequest(frame.data) };
  };
  return { client, peer, nextRequest };
}

const call = (client: Client, options = {}) => client.call('s', 'm', bytes('p'), options);

test('requests carry odd, increasing stream ids, and what the caller gave', async (t) => {
  const { client, peer, nextRequest } = await connectPair(t);
  const calls = [
    client.call('svc', 'One', bytes('1')),
    client.call('svc', 'Two', bytes('2'), { timeoutMs: 90_000, metadata: { Key: 'v', list: ['a', 'b'] } }),
  ];
  const [one, two] = [await nextRequest(), await nextRequest()];
  t.like(one, { streamId: 1, type: MessageType.Request, flags: 0, service: 'svc', method: 'One', timeoutNano: 0n });
  t.deepEqual(one.metadata, []);
  t.like(two, { streamId: 3, service: 'svc', method: 'Two', timeoutNano: 90_000_000_000n });
  t.is(text(two.payload), '2');
  t.deepEqual(two.metadata, [
    ['key', 'v'],
    ['list', 'a'],
    ['list', 'b'],
  ]);
  peer.write(encodeReplyFrame(3, bytes('second')));
  peer.write(encodeReplyFrame(1, bytes('first')));
  t.deepEqual((await Promise.all(calls)).map(text), ['first', 'second']);
});

test('a status becomes a StatusError; code 0 is success and an unknown code is Unknown', async (t) => {
  const { client, peer } = await connectPair(t);
  const calls = [call(client), call(client), call(client)] as const;
  peer.write(encodeStatusFrame(1, { code: Code.NotFound, message: 'process does not exist x' }));
  peer.write(encodeStatusFrame(3, { code: 4711, message: 'from the future' }));
  peer.write(encodeStatusFrame(5, { code: Code.OK, message: '' }));
  t.like(await t.throwsAsync(calls[0], { instanceOf: StatusError }), {
    code: Code.NotFound,
    message: 'process does not exist x',
  });
  t.like(await t.throwsAsync(calls[1]), { code: Code.Unknown, message: 'from the future' });
  t.is((await calls[2]).length, 0);
});

test('when the connection closes, all pending calls and all later ones fail with Unavailable', async (t) => {
  const { client, peer, nextRequest } = await connectPair(t);
  const calls = [t.throwsAsync(call(client)), t.throwsAsync(call(client))];
  await nextRequest();
  t.false(client.isClosed);
  peer.socket.destroy();
  for (const error of await Promise.all(calls)) {
    t.like(error, { code: Code.Unavailable, message: 'ttrpc: closed: the server closed the connection' });
    t.true(error.cause instanceof Error);
  }
  await client.closed;
  t.true(client.isClosed);
  t.like(await t.throwsAsync(call(client)), { code: Code.Unavailable });
});

test('closing the client fails what is pending', async (t) => {
  const { client, peer, nextRequest } = await connectPair(t);
  const pending = t.throwsAsync(call(client));
  await nextRequest();
  client.close();
  t.like(await pending, { code: Code.Unavailable, message: 'ttrpc: closed: the client was closed' });
  await peer.closed;
  client.close();
  await client.closed;
});

test('a server that sends what is no ttrpc loses its connection, and the cause says so', async (t) => {
  const { client, peer } = await connectPair(t);
  const pending = t.throwsAsync(call(client));
  peer.write(bytes('HTTP/1.1 400 Bad Request'));
  const error = await pending;
  t.like(error, { code: Code.Unavailable });
  t.true(error.cause instanceof MalformedFrameError);
  await peer.closed;
});

test('connecting where nobody listens fails with Unavailable and the system error', async (t) => {
  const socketPath = path.join(path.dirname(await makeSocketPath(t)), 'nobody');
  const error = await t.throwsAsync(Client.connect(socketPath), { instanceOf: StatusError });
  t.like(error, { code: Code.Unavailable, cause: { code: 'ENOENT' } });
  t.true(error.message.includes(socketPath));
});

test('an oversize answer fails its call alone', async (t) => {
  const { client, peer } = await connectPair(t);
  const calls = [t.throwsAsync(call(client)), call(client)] as const;
  peer.write(rawFrame(1, MessageType.Response, 0, Buffer.alloc(MAX_DATA_BYTES + 1)));
  peer.write(encodeReplyFrame(3, bytes('fine')));
  t.like(await calls[0], { code: Code.ResourceExhausted });
  t.is(text(await calls[1]), 'fine');
});

test('an oversize request is refused before it is sent', async (t) => {
  const { client, nextRequest } = await connectPair(t);
  const error = await t.throwsAsync(client.call('s', 'm', Buffer.alloc(MAX_DATA_BYTES)));
  t.like(error, { code: Code.ResourceExhausted });
  t.regex(error.message, /^message length \d+ exceed maximum message size of 4194304$/);
  const sent = t.throwsAsync(call(client));
  t.like(await nextRequest(), { streamId: 1, service: 's' });
  client.close();
  await sent;
});

test('an answer that is no Response, or no answer to a unary call, fails its call alone', async (t) => {
  const { client, peer } = await connectPair(t);
  const calls = [t.throwsAsync(call(client)), t.throwsAsync(call(client)), call(client)] as const;
  peer.write(rawFrame(1, MessageType.Response, 0, Buffer.from('0a05ab', 'hex')));
  peer.write(rawFrame(3, MessageType.Data, 1, bytes('stream')));
  peer.write(encodeReplyFrame(5, bytes('fine')));
  t.like(await calls[0], { code: Code.Internal });
  t.like(await calls[1], { code: Code.Internal });
  t.is(text(await calls[2]), 'fine');
});

test('answers nobody waits for, and unknown types, are ignored', async (t) => {
  const { client, peer } = await connectPair(t);
  const pending = call(client);
  peer.write(encodeReplyFrame(99, bytes('for nobody')));
  peer.write(rawFrame(1, 77, 0, bytes('of no known type')));
  peer.write(encodeReplyFrame(1, bytes('the answer')));
  peer.write(encodeReplyFrame(1, bytes('again')));
  t.is(text(await pending), 'the answer');
});

test('a call ends at its timeout, and its late answer disturbs nobody', async (t) => {
  const { client, peer } = await connectPair(t);
  t.like(await t.throwsAsync(call(client, { timeoutMs: 5 })), { code: Code.DeadlineExceeded });
  const next = call(client);
  peer.write(encodeReplyFrame(1, bytes('late')));
  peer.write(encodeReplyFrame(3, bytes('in time')));
  t.is(text(await next), 'in time');
});

test('a timeout that is up already sends nothing', async (t) => {
  const { client, nextRequest } = await connectPair(t);
  for (const timeoutMs of [0, -1]) {
    t.like(await t.throwsAsync(call(client, { timeoutMs })), { code: Code.DeadlineExceeded });
  }
  const sent = t.throwsAsync(call(client));
  t.is((await nextRequest()).streamId, 1);
  client.close();
  await sent;
});

test('an aborted signal ends the wait with Canceled and its reason as the cause', async (t) => {
  const { client, nextRequest } = await connectPair(t);
  const controller = new AbortController();
  const pending = t.throwsAsync(call(client, { signal: controller.signal }));
  await nextRequest();
  const reason = new Error('no longer needed');
  controller.abort(reason);
  t.like(await pending, { code: Code.Canceled, cause: reason });
  t.like(await t.throwsAsync(call(client, { signal: controller.signal })), { code: Code.Canceled });
});

test('a signal that outlives its calls keeps nothing of them', async (t) => {
  const { client, peer } = await connectPair(t);
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  const pending = call(client, { signal });
  t.is(listeners, 1);
  peer.write(encodeReplyFrame(1, bytes('')));
  await pending;
  t.is(listeners, 0);
});
