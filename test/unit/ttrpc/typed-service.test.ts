import test from 'ava';
import { Code, notFound } from '../../../common/errors.ts';
import { TaskDefinition } from '../../../proto/gen/containerd/task/v2/task.ts';
import { toHandlerTable, toServiceClient } from '../../../shim/ttrpc/typed-service.ts';
import { startServer } from './support.ts';

test('typed handlers and a typed client speak the messages of a generated service', async (t) => {
  const { server, connectClient } = await startServer(t, {});
  const handlers = toHandlerTable(TaskDefinition, {
    connect: ({ id }, { metadata }) =>
      Promise.resolve({ shimPid: 1, taskPid: 2, version: `${id} in ${metadata.get('ns')?.[0] ?? '?'}` }),
    kill: () => Promise.reject(notFound('process already finished')),
  });
  t.deepEqual(Object.keys(handlers).sort(), ['Connect', 'Kill']);
  server.register(TaskDefinition.fullName, handlers);
  const client = await connectClient();
  const tasks = toServiceClient(TaskDefinition, client);
  t.deepEqual(await tasks.connect({ id: 'c1' }, { metadata: { ns: 'default' } }), {
    shimPid: 1,
    taskPid: 2,
    version: 'c1 in default',
  });
  t.like(await t.throwsAsync(tasks.kill({ id: 'c1', execId: '', signal: 9, all: false })), {
    code: Code.NotFound,
    message: 'process already finished',
  });
  t.like(await t.throwsAsync(tasks.shutdown({ id: 'c1', now: false })), {
    code: Code.Unimplemented,
    message: 'method Shutdown',
  });
});

test('a payload that does not decode is Internal on either side', async (t) => {
  const { server, connectClient } = await startServer(t, {});
  const connect = () => Promise.resolve({ shimPid: 1, taskPid: 2, version: '' });
  server.register(TaskDefinition.fullName, {
    ...toHandlerTable(TaskDefinition, { connect }),
    State: () => Promise.resolve(Buffer.from('0a05ab', 'hex')),
  });
  const client = await connectClient();
  const broken = client.call(TaskDefinition.fullName, 'Connect', Buffer.from('0a05ab', 'hex'));
  const error = await t.throwsAsync(broken);
  t.like(error, { code: Code.Internal });
  t.regex(error.message, /^ttrpc: error unmarshalling payload: /);
  const state = toServiceClient(TaskDefinition, client).state({ id: 'c1', execId: '' });
  t.like(await t.throwsAsync(state), { code: Code.Internal });
});
