import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'ava';
import { Code } from '../../../common/errors.ts';
import { Server } from '../../../shim/ttrpc/server.ts';
import {
  bytes,
  deferred,
  echo,
  nextTurn,
  RawPeer,
  requestFrame,
  SERVICE,
  settle,
  startServer,
  text,
} from './support.ts';

test('close lets running calls finish and delivers their replies; idle connections end at once', async (t) => {
  const gate = deferred<Uint8Array>();
  const entered = deferred();
  const { server, connectClient, socketPath } = await startServer(t, {
    Wait: () => {
      entered.resolve();
      return gate.promise;
    },
  });
  const [busy, idle] = [await connectClient(), await connectClient()];
  const call = busy.call(SERVICE, 'Wait', bytes(''));
  await entered.promise;
  const closed = server.close();
  await idle.closed;
  t.is(server.connectionCount, 1);
  const [error] = (await once(connect(socketPath), 'error')) as [NodeJS.ErrnoException];
  t.regex(error.code ?? '', /ENOENT|ECONNREFUSED/);
  gate.resolve(bytes('finished'));
  t.is(text(await call), 'finished');
  await closed;
  await busy.closed;
  t.is(server.connectionCount, 0);
});

test('close flushes a large reply to a peer that reads late', async (t) => {
  const size = 3 << 20;
  const { server, socketPath, connectClient } = await startServer(t, {
    ...echo,
    Large: () => Promise.resolve(Buffer.alloc(size, 'x')),
  });
  const other = await connectClient();
  const peer = await RawPeer.connect(t, socketPath);
  peer.socket.pause();
  peer.write(requestFrame(1, { method: 'Large' }));
  await settle(other);
  const closed = server.close();
  await other.closed;
  peer.socket.resume();
  t.is((await peer.next())?.length, size + 5);
  await Promise.all([closed, peer.closed]);
});

test('a request that comes while the server closes is neither started nor answered', async (t) => {
  const gate = deferred<Uint8Array>();
  const entered = deferred();
  let echoes = 0;
  const { server, connectClient } = await startServer(t, {
    Wait: () => {
      entered.resolve();
      return gate.promise;
    },
    Echo: (payload) => {
      echoes++;
      return Promise.resolve(payload);
    },
  });
  const client = await connectClient();
  const running = client.call(SERVICE, 'Wait', bytes(''));
  await entered.promise;
  const closed = server.close();
  const late = t.throwsAsync(client.call(SERVICE, 'Echo', bytes('late')));
  // Time enough for the request to reach the server, if that wanted it.
  for (let turn = 0; turn < 50; turn++) await nextTurn();
  gate.resolve(bytes('finished'));
  t.is(text(await running), 'finished');
  t.like(await late, { code: Code.Unavailable });
  t.is(echoes, 0);
  await closed;
});

test('close cuts off, after its timeout, what never finishes', async (t) => {
  const seen = deferred<AbortSignal>();
  const { server, connectClient } = await startServer(t, {
    Hang: (_, { signal }) => {
      seen.resolve(signal);
      return new Promise(() => undefined);
    },
  });
  const client = await connectClient();
  const call = t.throwsAsync(client.call(SERVICE, 'Hang', bytes('')));
  const signal = await seen.promise;
  await server.close({ timeoutMs: 10 });
  t.true(signal.aborted);
  t.like(await call, { code: Code.Unavailable });
  t.is(server.connectionCount, 0);
});

test('close ends when the last caller goes away without its answer', async (t) => {
  const entered = deferred();
  const { server, connectClient } = await startServer(t, {
    Hang: () => {
      entered.resolve();
      return new Promise(() => undefined);
    },
  });
  const client = await connectClient();
  const call = t.throwsAsync(client.call(SERVICE, 'Hang', bytes('')));
  await entered.promise;
  const closed = server.close();
  client.close();
  await Promise.all([closed, call]);
  t.is(server.connectionCount, 0);
});

test('close may be called twice, and on a server without connections', async (t) => {
  const gate = deferred<Uint8Array>();
  const entered = deferred();
  const { server, connectClient } = await startServer(t, {
    Wait: () => {
      entered.resolve();
      return gate.promise;
    },
  });
  const client = await connectClient();
  const call = client.call(SERVICE, 'Wait', bytes(''));
  await entered.promise;
  const both = Promise.all([server.close(), server.close()]);
  gate.resolve(bytes('finished'));
  t.is(text(await call), 'finished');
  await both;
  await server.close();
  t.is(server.connectionCount, 0);
});

test('a connection handed to a closed server is closed', async (t) => {
  const { listener, socketPath } = await startServer(t, echo);
  const server = new Server();
  await server.close();
  listener.removeAllListeners('connection');
  listener.on('connection', (socket) => {
    server.serveConnection(socket);
  });
  const peer = await RawPeer.connect(t, socketPath);
  await peer.closed;
  t.is(server.connectionCount, 0);
});

test('what is to be done after a reply waits until the reply has left', async (t) => {
  const acted = deferred();
  let done = false;
  const { socketPath, connectClient } = await startServer(t, {
    ...echo,
    Shutdown: (_, context) => {
      context.afterReply(() => {
        done = true;
        acted.resolve();
      });
      return Promise.resolve(Buffer.alloc(3 << 20));
    },
  });
  const peer = await RawPeer.connect(t, socketPath);
  peer.socket.pause();
  peer.write(requestFrame(1, { method: 'Shutdown' }));
  await settle(await connectClient());
  t.false(done);
  peer.socket.resume();
  t.is((await peer.next())?.streamId, 1);
  await acted.promise;
});

test('what is to be done after a reply is done although the reply was lost or an error', async (t) => {
  const entered = deferred();
  const finish = deferred<Uint8Array>();
  const actions: string[] = [];
  const lost = deferred();
  const { connectClient, log, server } = await startServer(t, {
    Lost: (_, context) => {
      context.afterReply(() => {
        lost.resolve();
      });
      entered.resolve();
      return finish.promise;
    },
    Fail: (_, context) => {
      context.afterReply(() => {
        throw new Error('the action failed');
      });
      context.afterReply(() => {
        actions.push('second');
      });
      return Promise.reject(new Error('the call failed'));
    },
  });
  const leaving = await connectClient();
  const call = t.throwsAsync(leaving.call(SERVICE, 'Lost', bytes('')));
  await entered.promise;
  leaving.close();
  await call;
  while (server.connectionCount > 0) await nextTurn();
  finish.resolve(bytes(''));
  await lost.promise;

  const client = await connectClient();
  await t.throwsAsync(client.call(SERVICE, 'Fail', bytes('')), { message: 'the call failed' });
  await t.throwsAsync(client.call(SERVICE, 'Unknown', bytes('')));
  t.deepEqual(actions, ['second']);
  t.like(log.filter(({ level }) => level === 'error')[1], { err: { message: 'the action failed' } });
});
