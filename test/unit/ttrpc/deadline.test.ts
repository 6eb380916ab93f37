import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Code } from '../../../common/errors.ts';
import type { CallContext } from '../../../shim/ttrpc/server.ts';
import { bytes, deferred, echo, RawPeer, requestFrame, SERVICE, startServer, text } from './support.ts';

const MILLISECOND = 1_000_000n;

test('a call that outlasts its deadline is answered with DeadlineExceeded, once, and its signal is aborted', async (t) => {
  const finish = deferred<Uint8Array>();
  const seen = deferred<CallContext>();
  const { socketPath, server } = await startServer(t, {
    ...echo,
    Hang: (_, context) => {
      seen.resolve(context);
      context.signal.addEventListener('abort', () => undefined);
      return finish.promise;
    },
  });
  const peer = await RawPeer.connect(t, socketPath);
  peer.write(requestFrame(1, { method: 'Hang', timeoutNano: 20n * MILLISECOND }));
  t.like(await peer.nextAnswer(), {
    streamId: 1,
    status: { code: Code.DeadlineExceeded, message: 'context deadline exceeded' },
  });
  const { signal, deadline } = await seen.promise;
  t.true(signal.aborted);
  t.like(signal.reason, { code: Code.DeadlineExceeded });
  t.true((deadline ?? Infinity) <= Date.now() + 20);
  t.is(server.activeCalls, 0);
  finish.resolve(bytes('too late'));
  peer.write(requestFrame(3, { payload: bytes('next') }));
  t.like(await peer.nextAnswer(), { streamId: 3, payload: 'next' });
});

test('a handler that fails because of its deadline does not answer a second time', async (t) => {
  const { socketPath } = await startServer(t, {
    ...echo,
    Obey: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      }),
  });
  const peer = await RawPeer.connect(t, socketPath);
  peer.write(requestFrame(1, { method: 'Obey', timeoutNano: MILLISECOND }));
  t.like(await peer.nextAnswer(), { streamId: 1, status: { code: Code.DeadlineExceeded } });
  peer.write(requestFrame(3, { payload: bytes('next') }));
  t.like(await peer.nextAnswer(), { streamId: 3, payload: 'next' });
});

test('the signal of a call that finished in time stays as it is', async (t) => {
  const seen = deferred<AbortSignal>();
  const { socketPath } = await startServer(t, {
    Quick: (payload, { signal }) => {
      seen.resolve(signal);
      return Promise.resolve(payload);
    },
  });
  const peer = await RawPeer.connect(t, socketPath);
  peer.write(requestFrame(1, { method: 'Quick', timeoutNano: 30n * MILLISECOND }));
  t.like(await peer.nextAnswer(), { streamId: 1, status: undefined });
  await sleep(60);
  t.false((await seen.promise).aborted);
});

test('a request whose time was up when it was sent is not started', async (t) => {
  let started = 0;
  const { socketPath } = await startServer(t, {
    Count: (payload) => {
      started++;
      return Promise.resolve(payload);
    },
  });
  const peer = await RawPeer.connect(t, socketPath);
  peer.write(requestFrame(1, { method: 'Count', timeoutNano: -1n }));
  t.like(await peer.nextAnswer(), { streamId: 1, status: { code: Code.DeadlineExceeded } });
  t.is(started, 0);
});

test('a client stops waiting at its timeout, even where the server says nothing', async (t) => {
  const gate = deferred<Uint8Array>();
  const { connectClient, server } = await startServer(t, { ...echo, Hang: () => gate.promise });
  const client = await connectClient();
  t.like(await t.throwsAsync(client.call(SERVICE, 'Hang', bytes(''), { timeoutMs: 10 })), {
    code: Code.DeadlineExceeded,
  });
  t.is(text(await client.call(SERVICE, 'Echo', bytes('next'), { timeoutMs: 60_000 })), 'next');
  // The server's own timer may run out a little later than the client's.
  while (server.activeCalls > 0) await client.call(SERVICE, 'Echo', bytes(''));
});
