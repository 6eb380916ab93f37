import test from 'ava';
import { Code, notFound, StatusError } from '../../../common/errors.ts';
import { MessageType } from '../../../shim/ttrpc/frame.ts';
import { Server, type CallContext } from '../../../shim/ttrpc/server.ts';
import {
  bytes,
  deferred,
  echo,
  nextTurn,
  RawPeer,
  rawFrame,
  requestFrame,
  SERVICE,
  startServer,
  text,
} from './support.ts';

test('a call is answered with the payload of its handler', async (t) => {
  const { connectClient } = await startServer(t, {
    Reverse: (p) => Promise.resolve(Buffer.from(p).reverse()),
  });
  const client = await connectClient();
  t.is(text(await client.call(SERVICE, 'Reverse', bytes('stressed'))), 'desserts');
  t.is(text(await client.call(SERVICE, 'Reverse', bytes(''))), '');
});

test('calls run at the same time and are answered as they finish', async (t) => {
  const gates = { first: deferred(), second: deferred(), third: deferred() };
  const { connectClient, server } = await startServer(t, {
    Wait: async (payload) => {
      await gates[text(payload) as keyof typeof gates].promise;
      return payload;
    },
  });
  const client = await connectClient();
  const answers: string[] = [];
  const calls = Object.keys(gates).map(async (name) => {
    answers.push(text(await client.call(SERVICE, 'Wait', bytes(name))));
  });
  gates.third.resolve();
  await calls[2];
  t.is(server.activeCalls, 2);
  gates.first.resolve();
  await calls[0];
  gates.second.resolve();
  await calls[1];
  t.deepEqual(answers, ['third', 'first', 'second']);
  t.is(server.activeCalls, 0);
});

test('a handler sees the call: names, metadata, deadline, connection', async (t) => {
  const seen: CallContext[] = [];
  const { connectClient } = await startServer(t, {
    See: (payload, context) => {
      seen.push(context);
      return Promise.resolve(payload);
    },
  });
  const [one, two] = [await connectClient(), await connectClient()];
  const before = Date.now();
  const metadata = { 'Containerd-Namespace-TTRPC': 'k8s.io', many: ['a', 'b'] };
  await one.call(SERVICE, 'See', bytes(''), { metadata, timeoutMs: 60_000 });
  await one.call(SERVICE, 'See', bytes(''));
  await two.call(SERVICE, 'See', bytes(''));
  const [first, second, third] = seen;
  t.deepEqual([first?.service, first?.method], [SERVICE, 'See']);
  t.deepEqual(
    [...(first?.metadata ?? [])],
    [
      ['containerd-namespace-ttrpc', ['k8s.io']],
      ['many', ['a', 'b']],
    ],
  );
  t.true((first?.deadline ?? 0) >= before + 60_000 && (first?.deadline ?? 0) <= Date.now() + 60_000);
  t.is(second?.deadline, undefined);
  t.is(second?.metadata.size, 0);
  t.is(first?.connection, second?.connection);
  t.not(second?.connection.id, third?.connection.id);
});

test('a key of metadata in upper case is found in lower case, and values of either gather under it', async (t) => {
  const { socketPath } = await startServer(t, {
    Get: (payload, { metadata }) => Promise.resolve(bytes((metadata.get(text(payload)) ?? []).join())),
  });
  const peer = await RawPeer.connect(t, socketPath);
  const metadata: [string, string][] = [
    ['Key', 'a'],
    ['key', 'b'],
  ];
  peer.write(requestFrame(1, { method: 'Get', payload: bytes('key'), metadata }));
  t.like(await peer.nextAnswer(), { payload: 'a,b' });
});

test('what a handler throws is the status: its code, or Unknown and a line in the log', async (t) => {
  const { connectClient, log } = await startServer(t, {
    Status: () => Promise.reject(notFound('container not created')),
    Plain: () => Promise.reject(new TypeError('cannot delete a running process')),
    Synchronous: () => {
      throw new RangeError('thrown, not rejected');
    },
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a handler may call what does such things
    NoError: () => Promise.reject('just text'),
    NoPayload: () => Promise.resolve(undefined as unknown as Uint8Array),
  });
  const client = await connectClient();
  const fail = (method: string) => t.throwsAsync(client.call(SERVICE, method, bytes('')), { instanceOf: StatusError });
  t.like(await fail('Status'), { code: Code.NotFound, message: 'container not created' });
  t.like(await fail('Plain'), { code: Code.Unknown, message: 'cannot delete a running process' });
  t.like(await fail('Synchronous'), { code: Code.Unknown, message: 'thrown, not rejected' });
  t.like(await fail('NoError'), { code: Code.Unknown, message: 'just text' });
  t.like(await fail('NoPayload'), { code: Code.Unknown });
  t.deepEqual(
    log.map(({ level }) => level),
    ['debug', 'error', 'error', 'error', 'error'],
  );
  t.regex((log[1]?.err as Error).stack ?? '', /server\.test\.ts/);
});

test('an unknown service or method is Unimplemented, in the words of Go', async (t) => {
  const { connectClient } = await startServer(t, echo);
  const client = await connectClient();
  const fail = (service: string, method: string) => t.throwsAsync(client.call(service, method, bytes('')));
  t.like(await fail('containerd.task.v3.Task', 'Create'), {
    code: Code.Unimplemented,
    message: 'service containerd.task.v3.Task',
  });
  t.like(await fail(SERVICE, 'Nope'), { code: Code.Unimplemented, message: 'method Nope' });
  t.like(await fail(SERVICE, 'toString'), { code: Code.Unimplemented });
  t.is(text(await client.call(SERVICE, 'Echo', bytes('still here'))), 'still here');
});

test('a service cannot be registered twice', (t) => {
  const server = new Server();
  server.register(SERVICE, echo);
  t.throws(
    () => {
      server.register(SERVICE, echo);
    },
    { message: /test\.v1\.Test is registered twice/ },
  );
});

test('a frame that breaks the rules of streams is answered on its stream, and the connection lives on', async (t) => {
  const { socketPath } = await startServer(t, echo);
  const peer = await RawPeer.connect(t, socketPath);
  const exchange = async (frame: Buffer) => {
    peer.write(frame);
    const { streamId, status, payload } = await peer.nextAnswer();
    return { streamId, code: status?.code, message: status?.message, payload };
  };
  const invalid = { code: Code.InvalidArgument, payload: '' };
  t.like(await exchange(requestFrame(2, {})), {
    ...invalid,
    streamId: 2,
    message: 'StreamID must be odd for client initiated streams',
  });
  t.like(await exchange(requestFrame(5, { payload: bytes('5') })), { streamId: 5, code: undefined, payload: '5' });
  for (const streamId of [5, 3]) {
    t.like(await exchange(requestFrame(streamId, {})), {
      ...invalid,
      streamId,
      message: 'StreamID cannot be re-used and must increment',
    });
  }
  t.like(await exchange(rawFrame(7, MessageType.Data, 1, bytes('x'))), {
    ...invalid,
    streamId: 7,
    message: 'StreamID is no longer active',
  });
  const garbled = await exchange(rawFrame(9, MessageType.Request, 0, Buffer.from('0a05ab', 'hex')));
  t.like(garbled, { ...invalid, streamId: 9 });
  t.regex(garbled.message ?? '', /^unmarshal request error: /);
  t.like(await exchange(requestFrame(11, { payload: bytes('11') })), { streamId: 11, payload: '11' });
});

test('frames of unknown types, and responses, are ignored', async (t) => {
  const { socketPath } = await startServer(t, echo);
  const peer = await RawPeer.connect(t, socketPath);
  for (const type of [0, MessageType.Response, 4, 255]) peer.write(rawFrame(1, type, 0xff, bytes('whatever')));
  peer.write(requestFrame(1, { payload: bytes('answered') }));
  t.like(await peer.nextAnswer(), { streamId: 1, payload: 'answered', status: undefined });
});

test('a request that says its stream stays open is still a unary call', async (t) => {
  const { socketPath } = await startServer(t, echo);
  const peer = await RawPeer.connect(t, socketPath);
  const frame = requestFrame(1, { payload: bytes('streaming?') });
  frame.writeUInt8(2, 9);
  peer.write(frame);
  t.like(await peer.nextAnswer(), { streamId: 1, type: MessageType.Response, payload: 'streaming?' });
});

test('many requests in one chunk are all answered', async (t) => {
  const { socketPath } = await startServer(t, echo);
  const peer = await RawPeer.connect(t, socketPath);
  const streamIds = Array.from({ length: 1000 }, (_, i) => 2 * i + 1);
  peer.write(Buffer.concat(streamIds.map((id) => requestFrame(id, { payload: bytes(String(id)) }))));
  for (const id of streamIds) t.like(await peer.nextAnswer(), { streamId: id, payload: String(id) });
});

test('a request that comes byte by byte is answered', async (t) => {
  const { socketPath } = await startServer(t, echo);
  const peer = await RawPeer.connect(t, socketPath);
  for (const byte of requestFrame(1, { payload: bytes('slow') })) {
    peer.write(Buffer.of(byte));
    await nextTurn();
  }
  t.like(await peer.nextAnswer(), { streamId: 1, payload: 'slow' });
});

test('one connection that a handler keeps busy does not hold up another', async (t) => {
  const gate = deferred<Uint8Array>();
  const { connectClient, server } = await startServer(t, { ...echo, Wait: () => gate.promise });
  const [busy, other] = [await connectClient(), await connectClient()];
  const waiting = busy.call(SERVICE, 'Wait', bytes(''));
  t.is(text(await other.call(SERVICE, 'Echo', bytes('hello'))), 'hello');
  t.is(server.connectionCount, 2);
  gate.resolve(bytes('done'));
  t.is(text(await waiting), 'done');
});

test('when a connection closes, the signals of its calls are aborted and late answers are dropped', async (t) => {
  const entered = deferred<AbortSignal>();
  const finish = deferred<Uint8Array>();
  const { connectClient, server } = await startServer(t, {
    ...echo,
    Wait: (_, context) => {
      entered.resolve(context.signal);
      return finish.promise;
    },
  });
  const [leaving, staying] = [await connectClient(), await connectClient()];
  const call = t.throwsAsync(leaving.call(SERVICE, 'Wait', bytes('')));
  const signal = await entered.promise;
  t.false(signal.aborted);
  const aborted = new Promise((resolve) => {
    signal.addEventListener('abort', resolve);
  });
  leaving.close();
  await aborted;
  t.like(signal.reason, { name: 'StatusError', code: Code.Canceled });
  t.like(await call, { code: Code.Unavailable });
  finish.resolve(bytes('too late'));
  t.is(text(await staying.call(SERVICE, 'Echo', bytes('unharmed'))), 'unharmed');
  t.is(server.activeCalls, 0);
  t.is(server.connectionCount, 1);
});

test('a signal first asked for after the connection closed is aborted from the start', async (t) => {
  const entered = deferred();
  const proceed = deferred();
  const seen = deferred<AbortSignal>();
  const { connectClient, server } = await startServer(t, {
    Wait: async (payload, context) => {
      entered.resolve();
      await proceed.promise;
      seen.resolve(context.signal);
      return payload;
    },
  });
  const client = await connectClient();
  const call = t.throwsAsync(client.call(SERVICE, 'Wait', bytes('')));
  await entered.promise;
  client.close();
  await call;
  while (server.connectionCount > 0) await nextTurn();
  proceed.resolve();
  t.true((await seen.promise).aborted);
});
