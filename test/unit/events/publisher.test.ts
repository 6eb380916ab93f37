import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { invalidArgument, StatusError } from '../../../common/errors.ts';
import { Any } from '../../../proto/gen/google/protobuf/any.ts';
import type { EventTarget } from '../../../shim/events/event.ts';
import { createPublisher, isRefusal } from '../../../shim/events/publisher.ts';
import { DirectCourier } from '../../support/direct-courier.ts';
import { tempDir } from '../support/temp-dir.ts';
import { eventOf, NOWHERE, Sink } from './support.ts';

/** A publisher, and who brings its events. */
function makePublisher(t: ExecutionContext, target: EventTarget) {
  const courier = new DirectCourier();
  t.teardown(() => {
    courier.close();
  });
  const publisher = createPublisher(target, courier);
  const publish = (name: string, key = name) => publisher.publish('default', eventOf(name), key);
  return { publisher, publish, courier };
}

test('the envelope says what, where and when', async (t) => {
  const sink = await new Sink(t, await tempDir(t)).listen();
  const { publisher } = makePublisher(t, sink.target);
  await publisher.publish('k8s.io', eventOf('exit'), 'key');
  const [envelope] = sink.envelopes;
  t.like(envelope, { namespace: 'k8s.io', topic: '/tasks/exit', timestamp: { seconds: 1n, nanos: 2 } });
  t.is(envelope?.event?.typeUrl, 'containerd.events.Test');
  t.is(Buffer.from(envelope?.event?.value ?? []).toString(), 'payload of exit');
});

test('the address may have the form of a URL', async (t) => {
  const sink = await new Sink(t, await tempDir(t)).listen();
  const { publish } = makePublisher(t, { ...sink.target, ttrpc: `unix://${sink.path}` });
  await publish('exit');
  t.is(sink.topics.length, 1);
});

test('each event is sent under its key, and its answer kept until it is recorded', async (t) => {
  const sink = await new Sink(t, await tempDir(t)).listen();
  const { publisher, publish, courier } = makePublisher(t, sink.target);
  await publish('start', 'default/journal#2');
  t.deepEqual(courier.sent, ['default/journal#2']);
  t.deepEqual(courier.done, []);
  publisher.recorded('default/journal#2');
  t.deepEqual(courier.done, ['default/journal#2']);
});

test('a refusal is an answer like any other; what is to be tried again is not kept', async (t) => {
  const sink = await new Sink(t, await tempDir(t)).listen();
  const { publish, courier } = makePublisher(t, sink.target);
  sink.answer = (topic) => {
    throw topic === '/tasks/bad' ? invalidArgument('no') : new Error('busy');
  };
  t.true(isRefusal(await t.throwsAsync(publish('bad'))));
  t.deepEqual(courier.done, []);
  const busy = await t.throwsAsync(publish('good'), { message: 'busy' });
  t.false(isRefusal(busy));
  t.deepEqual(courier.done, ['good'], 'the keeper would answer the next try with the same');
});

test('an event that fits no frame is refused', async (t) => {
  const { publisher, courier } = makePublisher(t, { ...NOWHERE, ttrpc: '/absent' });
  const large = { ...eventOf('create'), value: Buffer.alloc(5 << 20) };
  t.true(isRefusal(await t.throwsAsync(publisher.publish('default', large, 'key'))));
  t.deepEqual(courier.sent, []);
});

test('nobody there: an error that is no refusal', async (t) => {
  const sink = new Sink(t, await tempDir(t));
  const { publish, courier } = makePublisher(t, sink.target);
  t.false(isRefusal(await t.throwsAsync(publish('a'))));
  t.deepEqual(courier.done, [], 'nobody knows whether it has arrived');
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
  const { publisher, courier } = makePublisher(t, { ttrpc: '', grpc: '/run/c.sock', binary });
  await publisher.publish('k8s.io', eventOf('exit'), 'key');
  publisher.recorded('key');
  t.deepEqual([...courier.sent, ...courier.done], []);
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
  const { publish } = makePublisher(t, { ttrpc: '', grpc: '/run/c.sock', binary });
  const error = await t.throwsAsync(publish('exit'), { message: /no such topic/ });
  t.false(isRefusal(error));
});

for (const target of [NOWHERE, { ...NOWHERE, grpc: '/run/c.sock' }, { ...NOWHERE, binary: '/bin/true' }]) {
  test(`nowhere to go: ${JSON.stringify(target)}`, (t) => {
    const error = t.throws(() => createPublisher(target, new DirectCourier()), { instanceOf: StatusError });
    t.true(isRefusal(error), 'another try would change nothing');
  });
}
