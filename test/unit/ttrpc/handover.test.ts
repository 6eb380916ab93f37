import { once } from 'node:events';
import { createServer, type ServerOpts, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { Client } from '../../../shim/ttrpc/client.ts';
import { Server } from '../../../shim/ttrpc/server.ts';
import { bytes, deferred, echo, makeSocketPath, RawPeer, requestFrame, SERVICE, text } from './support.ts';

/** A listener that does with each connection what `accept` says, and the server to give them to. */
async function startListener(
  t: ExecutionContext,
  accept: (socket: Socket, server: Server) => void,
  options: ServerOpts = {},
) {
  const server = new Server();
  server.register(SERVICE, echo);
  const socketPath = await makeSocketPath(t);
  const listener = createServer(options, (socket) => {
    accept(socket, server);
  });
  listener.listen(socketPath);
  await once(listener, 'listening');
  t.teardown(() => {
    listener.close();
    server.destroy();
  });
  return { server, socketPath };
}

/** What a daemon does that serves two protocols on one socket: looks at the first byte and puts everything back. */
function sniff(socket: Socket, server: Server): void {
  socket.once('data', (chunk: Buffer) => {
    socket.pause();
    socket.unshift(chunk);
    if (chunk[0] === 0) server.serveConnection(socket);
    else socket.end('not ttrpc');
  });
}

test('a connection is served whose first bytes somebody else has read and put back', async (t) => {
  const { socketPath } = await startListener(t, sniff);
  const client = await Client.connect(socketPath);
  t.teardown(() => {
    client.close();
  });
  const calls = Array.from({ length: 200 }, (_, i) => client.call(SERVICE, 'Echo', bytes(String(i))));
  t.deepEqual(
    (await Promise.all(calls)).map(text),
    calls.map((_, i) => String(i)),
  );
});

test('a single byte that was read and put back is the first of its frame', async (t) => {
  const { socketPath } = await startListener(t, sniff);
  const peer = await RawPeer.connect(t, socketPath);
  const frame = requestFrame(1, { payload: bytes('split') });
  peer.write(frame.subarray(0, 1));
  await new Promise((resolve) => setTimeout(resolve, 10));
  peer.write(frame.subarray(1));
  t.like(await peer.nextAnswer(), { streamId: 1, payload: 'split' });
});

for (const [state, options] of [
  ['end', { allowHalfOpen: false }],
  ['end', { allowHalfOpen: true }],
  ['close', { allowHalfOpen: false }],
] as const) {
  test(`a connection handed over after its '${state}' leaves nothing behind, ${JSON.stringify(options)}`, async (t) => {
    const handedOver = deferred();
    const accept = (socket: Socket, to: Server) => {
      socket.resume();
      socket.once(state, () => {
        to.serveConnection(socket);
        handedOver.resolve();
      });
    };
    const { socketPath, server } = await startListener(t, accept, options);
    const peer = await RawPeer.connect(t, socketPath);
    peer.socket.end();
    await Promise.all([handedOver.promise, peer.closed]);
    t.is(server.connectionCount, 0);
  });
}
