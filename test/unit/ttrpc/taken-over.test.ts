import { once } from 'node:events';
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { Code } from '../../../common/errors.ts';
import { Server, type CallContext, type ConnectionOptions, type HandlerTable } from '../../../shim/ttrpc/server.ts';
import { eventually } from '../../support/eventually.ts';
import { bytes, deferred, makeSocketPath, RawPeer, requestFrame, SERVICE } from './support.ts';

/** A server that takes its connections over from somebody, and the client's end of one. */
async function takenOver(t: ExecutionContext, handlers: HandlerTable, options?: ConnectionOptions) {
  const server = new Server();
  server.register(SERVICE, handlers);
  const socketPath = await makeSocketPath(t);
  const listener = createServer((socket) => {
    server.serveConnection(socket, options);
  });
  listener.listen(socketPath);
  await once(listener, 'listening');
  t.teardown(() => {
    listener.close();
    server.destroy();
  });
  return { server, peer: await RawPeer.connect(t, socketPath) };
}

test('a call is told by its connection and its stream', async (t) => {
  const seen: CallContext[] = [];
  const Echo = (payload: Uint8Array, context: CallContext) => {
    seen.push(context);
    return Promise.resolve(payload);
  };
  const { peer } = await takenOver(t, { Echo }, { name: '17' });
  peer.write(requestFrame(1, {}));
  peer.write(requestFrame(5, {}));
  await peer.nextAnswer();
  await peer.nextAnswer();
  t.deepEqual(
    seen.map(({ connection, streamId }) => [connection.name, streamId]),
    [
      ['17', 1],
      ['17', 5],
    ],
  );
});

test('what an earlier server has answered is not answered again, but what comes after it is', async (t) => {
  const { peer } = await takenOver(t, { Echo: (payload) => Promise.resolve(payload) }, { lastStreamId: 9 });
  peer.write(requestFrame(9, {}));
  t.is((await peer.nextAnswer()).status?.code, Code.InvalidArgument);
  peer.write(requestFrame(11, { payload: bytes('next') }));
  t.like(await peer.nextAnswer(), { streamId: 11, payload: 'next' });
});

test('every request counts, whatever becomes of it', async (t) => {
  const { server, peer } = await takenOver(t, { Echo: (payload) => Promise.resolve(payload) });
  peer.write(requestFrame(1, {}));
  peer.write(requestFrame(1, {}));
  peer.write(requestFrame(3, { method: 'Unknown' }));
  for (let answers = 0; answers < 3; answers++) await peer.nextAnswer();
  t.is(server.requestsRead, 3);
  peer.socket.destroy();
  await peer.closed;
  t.is(server.requestsRead, 3);
});

test('a server that closes leaves the calls to others that it may, and finishes the rest', async (t) => {
  const finish = deferred();
  let reason: unknown;
  const { server, peer } = await takenOver(t, {
    Wait: (_, { signal }) =>
      new Promise<Uint8Array>((resolve) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          resolve(bytes('too late'));
        });
      }),
    Work: async () => {
      await finish.promise;
      return bytes('done');
    },
  });
  peer.write(requestFrame(1, { method: 'Wait' }));
  peer.write(requestFrame(3, { method: 'Work' }));
  await eventually(() => (server.runningCalls.length === 2 ? true : undefined));
  t.deepEqual(
    server.runningCalls.map(({ service, method }) => [service, method]),
    [
      [SERVICE, 'Wait'],
      [SERVICE, 'Work'],
    ],
  );
  const closing = server.close({ mayAbandon: ({ method }) => method === 'Wait' });
  t.like(reason, { code: Code.Canceled });
  peer.write(requestFrame(5, { method: 'Work' }));
  finish.resolve();
  t.like(await peer.nextAnswer(), { streamId: 3, payload: 'done' });
  await closing;
  t.is(await peer.next(), undefined);
});

test('a server with nothing but such calls closes at once', async (t) => {
  const { server, peer } = await takenOver(t, { Wait: () => new Promise(() => undefined) });
  peer.write(requestFrame(1, { method: 'Wait' }));
  await eventually(() => (server.runningCalls.length === 1 ? true : undefined));
  await server.close({ mayAbandon: () => true });
  t.is(await peer.next(), undefined);
});
