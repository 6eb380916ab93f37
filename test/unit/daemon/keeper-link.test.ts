import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { KeeperLink } from '../../../shim/daemon/keeper-link.ts';
import { encodeKeeperFrame, FrameType, splitWords } from '../../../shim/daemon/keeper-protocol.ts';
import { eventually } from '../../support/eventually.ts';
import { tempDir } from '../support/temp-dir.ts';
import { RawPeer } from '../ttrpc/support.ts';

/** A link, the keeper's end of it, and what the link has told. */
async function connected(t: ExecutionContext) {
  const file = path.join(await tempDir(t), 's');
  const server = createServer();
  server.listen(file);
  await once(server, 'listening');
  const socket = connect(file);
  const [accepted] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    socket.destroy();
    accepted.destroy();
    server.close();
  });
  const told: string[] = [];
  const link = new KeeperLink(socket, {
    announced: () => void told.push('announced'),
    handover: () => void told.push('handover'),
    gone: () => void told.push('gone'),
  });
  const peer = new RawPeer(accepted);
  const say = (type: number, words: readonly string[] = [], rest = '') => {
    peer.write(encodeKeeperFrame(type, words, Buffer.from(rest)));
  };
  /** The next frame's type, words and rest. */
  const hear = async (count = 0) => {
    const frame = await peer.next();
    if (frame === undefined) throw new Error('the link closed');
    const { words, rest } = splitWords(frame.data, count);
    return [frame.type, ...words, Buffer.from(rest).toString()];
  };
  return { link, told, say, hear, peer };
}

test('a daemon begins when it is told to', async (t) => {
  const { link, say, hear } = await connected(t);
  let begun = false;
  const beginning = link.begin().then(() => (begun = true));
  t.deepEqual(await hear(), [FrameType.Loaded, '']);
  t.false(begun);
  say(FrameType.Begin);
  await beginning;
  link.ready();
  t.deepEqual(await hear(), [FrameType.Ready, '']);
});

test('it asks before it sleeps, each time', async (t) => {
  const { link, say, hear } = await connected(t);
  const first = link.maySleep(7, 2);
  t.deepEqual(await hear(2), [FrameType.Sleep, '7', '2', '']);
  say(FrameType.Stay);
  t.false(await first);
  const second = link.maySleep(8, 0);
  t.deepEqual(await hear(2), [FrameType.Sleep, '8', '0', '']);
  say(FrameType.Go);
  t.true(await second);
});

test('requests for containerd are answered by their keys, in any order', async (t) => {
  const { link, say, hear } = await connected(t);
  const one = link.forward('a#1', '/run/c', Buffer.from('one'));
  const two = link.forward('a#2', '/run/c', Buffer.from('two'));
  const three = link.forward('a#3', '/absent', Buffer.from('three'));
  t.deepEqual(await hear(2), [FrameType.Publish, 'a#1', '/run/c', 'one']);
  t.deepEqual(await hear(2), [FrameType.Publish, 'a#2', '/run/c', 'two']);
  await hear(2);
  say(FrameType.Published, ['a#2'], 'Asecond');
  say(FrameType.Published, ['unknown'], 'A');
  say(FrameType.Published, ['a#3'], 'Fcannot connect');
  say(FrameType.Published, ['a#1'], 'A');
  t.is(Buffer.from(await two).toString(), 'second');
  t.is(Buffer.from(await one).toString(), '');
  await t.throwsAsync(three, { name: 'StatusError', message: 'cannot connect' });
  link.recorded('a#1');
  t.deepEqual(await hear(1), [FrameType.Recorded, 'a#1', '']);
});

test('what keeps a daemon awake is counted', async (t) => {
  const { link, told, say } = await connected(t);
  const before = link.activity;
  void link.forward('a#1', '/run/c', Buffer.from('')).catch(() => undefined);
  t.is(link.activity, before, 'a containerd that is not there keeps nobody awake');
  link.recorded('a#1');
  t.is(link.activity, before + 1);
  say(FrameType.Announced);
  await eventually(() => told[0]);
  t.is(link.activity, before + 2);
});

test('announcements, a handover and the end are told; what is unknown is passed over', async (t) => {
  const { told, say, peer } = await connected(t);
  say(0x7f, ['later'], 'build');
  say(FrameType.Announced);
  say(FrameType.Handover);
  await eventually(() => (told.length === 2 ? true : undefined));
  peer.socket.destroy();
  await eventually(() => (told.length === 3 ? true : undefined));
  t.deepEqual(told, ['announced', 'handover', 'gone']);
});
