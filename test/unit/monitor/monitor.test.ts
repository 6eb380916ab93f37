import { mkdir, symlink } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { MonitorMessage } from '../../../shim/monitor/messages.ts';
import { Monitor } from '../../../shim/monitor/monitor.ts';
import { eventually } from '../../support/eventually.ts';
import { tempDir } from '../support/temp-dir.ts';

/** The other end of a monitor's connection. */
interface Peer {
  readonly socket: Socket;
  /** All that the daemon has said. */
  readonly said: () => string;
}

async function listen(t: ExecutionContext, directory: string): Promise<{ next: () => Promise<Peer> }> {
  const peers: Peer[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.on('error', () => undefined);
    sockets.push(socket);
    peers.push({ socket, said: () => text });
  });
  // Too long a path for a socket's address: the way leads over the directory.
  const short = path.join(await tempDir(t), 's');
  await mkdir(directory, { recursive: true });
  await symlink(directory, short);
  server.listen(path.join(short, 'monitor.sock'));
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { next: () => eventually(() => peers.shift()) };
}

function record() {
  const messages: MonitorMessage[] = [];
  let closed = 0;
  const listener = {
    message: (message: MonitorMessage) => void messages.push(message),
    closed: () => void (closed += 1),
  };
  return { listener, messages, closed: () => closed };
}

test('messages come whole, however they are cut', async (t) => {
  const directory = await tempDir(t);
  const server = await listen(t, directory);
  const { listener, messages } = record();
  await Monitor.connect(directory, listener);
  const { socket } = await server.next();
  socket.setNoDelay();
  for (const byte of Buffer.from('created 42 77\nwarning schräg\nrunning\n')) {
    socket.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  socket.write('exited 0 1 2\nwarn');
  await eventually(() => (messages.length === 4 ? true : undefined));
  t.deepEqual(
    messages.map(({ type }) => type),
    ['created', 'warning', 'running', 'exited'],
  );
  t.deepEqual(messages[1], { type: 'warning', text: 'schräg' });
});

test('a line that nobody knows is passed over', async (t) => {
  const directory = await tempDir(t);
  const server = await listen(t, directory);
  const { listener, messages, closed } = record();
  await Monitor.connect(directory, listener);
  const { socket } = await server.next();
  socket.write('nonsense\ncreated x y\n\nrunning\n');
  await eventually(() => (messages.length === 1 ? true : undefined));
  t.is(messages[0]?.type, 'running');
  t.is(closed(), 0);
});

test('a line without end ends the connection', async (t) => {
  const directory = await tempDir(t);
  const server = await listen(t, directory);
  const { listener, messages, closed } = record();
  await Monitor.connect(directory, listener);
  const { socket } = await server.next();
  socket.write('x'.repeat(5000));
  await eventually(() => (closed() === 1 ? true : undefined));
  t.deepEqual(messages, []);
});

test('commands are lines', async (t) => {
  const directory = await tempDir(t);
  const server = await listen(t, directory);
  const monitor = await Monitor.connect(directory, record().listener);
  const peer = await server.next();
  monitor.send('start');
  monitor.send('signal 15');
  monitor.send('close-stdin');
  monitor.send('abort');
  monitor.send('release');
  const expected = 'start\nsignal 15\nclose-stdin\nabort\nrelease\n';
  await eventually(() => (peer.said().length >= expected.length ? true : undefined));
  t.is(peer.said(), expected);
});

test('the end is told once, and commands after it are no fault', async (t) => {
  const directory = await tempDir(t);
  const server = await listen(t, directory);
  const { listener, messages, closed } = record();
  const monitor = await Monitor.connect(directory, listener);
  const { socket } = await server.next();
  socket.end('exited 0 1 2\n');
  await eventually(() => (closed() === 1 ? true : undefined));
  t.is(messages.length, 1);
  monitor.send('signal 9');
  monitor.send('release');
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(closed(), 1);
});

test('a connection that is reset is only closed', async (t) => {
  const directory = await tempDir(t);
  const server = await listen(t, directory);
  const { listener, closed } = record();
  const monitor = await Monitor.connect(directory, listener);
  const { socket } = await server.next();
  socket.destroy();
  for (let index = 0; index < 100; index++) monitor.send('signal 1');
  await eventually(() => (closed() === 1 ? true : undefined));
  t.pass();
});

test('the path of a directory may be longer than an address can be', async (t) => {
  const directory = path.join(await tempDir(t), 'x'.repeat(100), 'y'.repeat(100));
  const server = await listen(t, directory);
  const { listener, messages } = record();
  await Monitor.connect(directory, listener);
  const { socket } = await server.next();
  socket.write('running\n');
  await eventually(() => (messages.length === 1 ? true : undefined));
  t.pass();
});

test('where nobody listens there is no monitor', async (t) => {
  const directory = await tempDir(t);
  await t.throwsAsync(Monitor.connect(directory, record().listener), { code: 'ENOENT' });
  await t.throwsAsync(Monitor.connect(path.join(directory, 'absent'), record().listener), { code: 'ENOENT' });
  const server = await listen(t, directory);
  t.truthy(server);
});

test('a monitor that waits is told its container first', async (t) => {
  const directory = await tempDir(t);
  const server = await listen(t, directory);
  const stream = connect(path.join(directory, 'monitor.sock'));
  const monitor = Monitor.run(stream, '/run/x/default/hello', record().listener);
  monitor.send('start');
  const peer = await server.next();
  await eventually(() => (peer.said().endsWith('start\n') ? true : undefined));
  t.is(peer.said(), 'run /run/x/default/hello\nstart\n');
});
