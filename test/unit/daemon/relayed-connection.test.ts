import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { receiveConnection } from '../../../shim/daemon/relayed-connection.ts';
import { encodeKeeperFrame, FrameType } from '../../../shim/daemon/keeper-protocol.ts';
import { eventually } from '../../support/eventually.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Where connections are received; each is noted with all that comes behind its introduction. */
async function receiver(t: ExecutionContext) {
  const file = path.join(await tempDir(t), 's');
  const received: { kind: string; introduction: object; text: string }[] = [];
  const note = (kind: string) => (socket: Socket, introduction: object) => {
    const entry = { kind, introduction, text: '' };
    received.push(entry);
    socket.setEncoding('latin1').on('data', (chunk: string) => (entry.text += chunk));
    socket.on('error', () => undefined);
  };
  const server = createServer((socket) => {
    receiveConnection(socket, { ttrpc: note('ttrpc'), grpc: note('grpc') });
  });
  server.listen(file);
  await once(server, 'listening');
  t.teardown(() => server.close());
  const open = async () => {
    const socket = connect(file);
    socket.on('error', () => undefined);
    socket.resume();
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return { received, open };
}

const introduce = (...words: string[]) => Buffer.from(encodeKeeperFrame(FrameType.Introduction, words));

for (const [kind, first] of [
  ['ttrpc', '\0\0\0\x02'],
  ['grpc', 'PRI * HTTP/2.0'],
] as const) {
  test(`the byte behind an introduction tells ${kind}, however it comes`, async (t) => {
    const { received, open } = await receiver(t);
    const introduction = introduce('k8s.io', '12', '7');
    const whole = await open();
    whole.write(Buffer.concat([introduction, Buffer.from(first)]));
    const pieces = await open();
    pieces.setNoDelay();
    for (const byte of Buffer.concat([introduction, Buffer.from(first)])) {
      pieces.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    await eventually(() => (received.length === 2 && received.every(({ text }) => text === first) ? true : undefined));
    const expected = { kind, introduction: { namespace: 'k8s.io', connection: '12', lastStreamId: 7 }, text: first };
    t.deepEqual(received, [expected, expected]);
  });
}

test('one that says nothing after its introduction is nobody’s yet', async (t) => {
  const { received, open } = await receiver(t);
  const socket = await open();
  socket.write(introduce('default', '1', '0'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.deepEqual(received, []);
  socket.end();
  await once(socket, 'close');
  t.deepEqual(received, []);
});

const HEADER = '\0\0\0\x05\0\0\0\x01';
for (const [what, bytes] of [
  ['a request', `${HEADER}\x01\0hello`],
  ['an introduction that is too long', '\0\x01\0\0\0\0\0\0\x10\0'],
  ['something else', 'GET / HTTP/1.1'],
  ['an introduction without its words', `${introduce('default', '1').toString('latin1')}\0`],
  ['a namespace that is none', `${introduce('../x', '1', '0').toString('latin1')}\0`],
] as const) {
  test(`a connection that begins with ${what} is closed`, async (t) => {
    const { received, open } = await receiver(t);
    const socket = await open();
    socket.write(Buffer.from(bytes, 'latin1'));
    await once(socket, 'close');
    t.deepEqual(received, []);
  });
}
