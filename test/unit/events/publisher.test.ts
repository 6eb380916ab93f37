import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { Code, invalidArgument, StatusError } from '../../../common/errors.ts';
import { Any } from '../../../proto/gen/google/protobuf/any.ts';
import { Deferred } from '../../../shim/task/deferred.ts';
import { createPublisher, isRefusal } from '../../../shim/events/publisher.ts';
import { eventually } from '../../support/eventually.ts';
import { tempDir } from '../support/temp-dir.ts';
import { eventOf, NOWHERE, Sink } from './support.ts';

/** Of which event it is: it says nothing here. */
const KEY = 'default/hello@1#1';

test('the envelope says what, where and when', async (t) => {
  const sink = await new Sink(t, await tempDir(t)).listen();
  const publisher = createPublisher(sink.target);
  t.teardown(() => {
    publisher.close();
  });
  await publisher.publish('k8s.io', eventOf('exit'), KEY);
  const [envelope] = sink.envelopes;
  t.like(envelope, { namespace: 'k8s.io', topic: '/tasks/exit', timestamp: { seconds: 1n, nanos: 2 } });
  t.is(envelope?.event?.typeUrl, 'containerd.events.Test');
  t.is(Buffer.from(envelope?.event?.value ?? []).toString(), 'payload of exit');
});

test('the address may have the form of a URL', async (t) => {
  const sink = await new Sink(t, await tempDir(t)).listen();
  const publisher = createPublisher({ ...sink.target, ttrpc: `unix://${sink.path}` });
  await publisher.publish('default', eventOf('exit'), KEY);
  publisher.close();
  t.is(sink.topics.length, 1);
});

test('one connection serves many events, and another one takes its place when it breaks', async (t) => {
  const sink = await new Sink(t, await tempDir(t)).listen();
  const publisher = createPublisher(sink.target);
  t.teardown(() => {
    publisher.close();
  });
  await Promise.all(['a', 'b', 'c'].map((name) => publisher.publish('default', eventOf(name), KEY)));
  t.is(sink.connections, 1);
  sink.close();
  await t.throwsAsync(publisher.publish('default', eventOf('d'), KEY));
  await sink.listen();
  await eventually(() => publisher.publish('default', eventOf('d'), KEY).then(() => true));
  t.is(sink.connections, 2);
});

test('nobody there: an error that is no refusal', async (t) => {
  const sink = new Sink(t, await tempDir(t));
  const publisher = createPublisher(sink.target);
  const error = await t.throwsAsync(publisher.publish('default', eventOf('a'), KEY));
  t.false(isRefusal(error));
});

test("one event's refusal does not disturb another that is under way", async (t) => {
  const sink = await new Sink(t, await tempDir(t)).listen();
  const publisher = createPublisher(sink.target);
  t.teardown(() => {
    publisher.close();
  });
  const held = new Deferred<void>();
  sink.answer = (topic) => {
    if (topic === '/tasks/bad') throw invalidArgument('no');
    return held.promise;
  };
  const good = publisher.publish('default', eventOf('good'), KEY);
  const error = await t.throwsAsync(publisher.publish('default', eventOf('bad'), KEY), { instanceOf: StatusError });
  t.is(error.code, Code.InvalidArgument);
  t.true(isRefusal(error));
  held.resolve();
  await t.notThrowsAsync(good);
});

test('a failure on an old connection leaves the new one alone', async (t) => {
  const dir = await tempDir(t);
  const sink = await new Sink(t, dir).listen();
  const publisher = createPublisher(sink.target);
  t.teardown(() => {
    publisher.close();
  });
  // Two calls hang on the first connection; the containerd behind it goes.
  sink.answer = () => new Promise(() => undefined);
  const lost = [publisher.publish('default', eventOf('a'), KEY), publisher.publish('default', eventOf('b'), KEY)];
  await eventually(() => (sink.connections === 1 ? true : undefined));
  sink.close();
  sink.answer = () => undefined;
  await sink.listen();
  // Each is tried again as soon as it has failed, as queues do.
  await Promise.all(
    lost.map(async (call, index) => {
      await t.throwsAsync(call);
      await publisher.publish('default', eventOf(`again-${index}`), KEY);
    }),
  );
  t.deepEqual(sink.topics.sort(), ['/tasks/again-0', '/tasks/again-1']);
  t.is(sink.connections, 2, 'one new connection for both');
});

/** Stands for containerd: notes its arguments and its input. */
async function command(directory: string, script: string): Promise<string> {
  const file = path.join(directory, 'containerd');
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

test('without TTRPC_ADDRESS the command publishes', async (t) => {
  const dir = await tempDir(t);
  const binary = await command(dir, `printf '%s\\n' "$@" >'${dir}/args'; cat >'${dir}/input'`);
  const publisher = createPublisher({ ttrpc: '', grpc: '/run/c.sock', binary });
  await publisher.publish('k8s.io', eventOf('exit'), KEY);
  publisher.close();
  t.deepEqual((await readFile(path.join(dir, 'args'), 'utf8')).trim().split('\n'), [
    ...['--address', '/run/c.sock', 'publish'],
    ...['--topic', '/tasks/exit', '--namespace', 'k8s.io'],
  ]);
  const { typeUrl, value } = Any.decode(await readFile(path.join(dir, 'input')));
  t.is(typeUrl, 'containerd.events.Test');
  t.is(Buffer.from(value).toString(), 'payload of exit');
});

test('a command that fails says why', async (t) => {
  const dir = await tempDir(t);
  const binary = await command(dir, 'echo no such topic >&2; exit 3');
  const publisher = createPublisher({ ttrpc: '', grpc: '/run/c.sock', binary });
  const error = await t.throwsAsync(publisher.publish('k8s.io', eventOf('exit'), KEY), { message: /no such topic/ });
  t.false(isRefusal(error));
});

for (const target of [NOWHERE, { ...NOWHERE, grpc: '/run/c.sock' }, { ...NOWHERE, binary: '/bin/true' }]) {
  test(`nowhere to go: ${JSON.stringify(target)}`, (t) => {
    const error = t.throws(() => createPublisher(target), { instanceOf: StatusError });
    t.true(isRefusal(error), 'another try would change nothing');
  });
}
