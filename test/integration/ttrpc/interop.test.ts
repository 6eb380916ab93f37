import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Code, StatusError } from '../../../common/errors.ts';
import { Client, type CallOptions } from '../../../shim/ttrpc/client.ts';
import { MAX_DATA_BYTES } from '../../../shim/ttrpc/frame.ts';
import { Server, type CallContext } from '../../../shim/ttrpc/server.ts';
import { buildPeer, GoClient, GoServer, goVersions, unwrap, wrap, type GoVersion } from './go-peer.ts';

const SERVICE = 'interop.v1.Peer';
const OVERSIZE = MAX_DATA_BYTES + 1;
const CODES = Object.values(Code).filter((code) => code !== Code.OK);

let directory = '';
const binaries = new Map<GoVersion, string>();

test.before('build the Go program', async (t) => {
  t.timeout(170_000);
  directory = await mkdtemp(path.join(tmpdir(), 'ttrpc-'));
  for (const version of goVersions) binaries.set(version, await buildPeer(directory, version));
});

test.after.always('remove it', () => rm(directory, { recursive: true, force: true }));

let sockets = 0;
const newSocketPath = () => path.join(directory, `${++sockets}.sock`);

function binaryOf(version: GoVersion): string {
  const binary = binaries.get(version);
  if (binary === undefined) throw new Error(`${version.name} was not built`);
  return binary;
}

/** Our server with the methods that the tests below need, and a Go client connected to it. */
async function goClientOfOurs(t: ExecutionContext, version: GoVersion) {
  const gates = new Map<string, () => void>();
  const contexts: CallContext[] = [];
  const server = new Server();
  const text = (handle: (payload: string, context: CallContext) => string | Promise<string>) => {
    return async (payload: Uint8Array, context: CallContext) => wrap(await handle(unwrap(payload), context));
  };
  server.register(SERVICE, {
    Echo: text((payload) => payload),
    Fill: text((size) => 'x'.repeat(Number(size))),
    Fail: text((code) => {
      throw new StatusError(Number(code) as Code, `failed with ${code}`);
    }),
    Plain: text(() => {
      throw new Error('a plain error');
    }),
    Metadata: text((key, { metadata }) => (metadata.get(key) ?? []).join(',')),
    Hang: text((_, context) => {
      contexts.push(context);
      return new Promise(() => undefined);
    }),
    Wait: text(async (name) => {
      await new Promise<void>((resolve) => gates.set(name, resolve));
      return name;
    }),
  });
  const socketPath = newSocketPath();
  const listener = createServer();
  server.serve(listener);
  listener.listen(socketPath);
  await once(listener, 'listening');
  t.teardown(() => {
    server.destroy();
  });
  const client = new GoClient(t, binaryOf(version), socketPath);
  const open = async (name: string) => {
    while (!gates.has(name)) await client.call({ Method: 'Echo' });
    gates.get(name)?.();
  };
  return { server, client, open, contexts };
}

/** A Go server and our client connected to it. */
async function ourClientOfGo(t: ExecutionContext, version: GoVersion) {
  const socketPath = newSocketPath();
  const server = await GoServer.start(t, binaryOf(version), socketPath);
  const client = await Client.connect(socketPath);
  t.teardown(() => {
    client.close();
  });
  const call = async (method: string, payload: string | Uint8Array = '', options?: CallOptions) =>
    unwrap(await client.call(SERVICE, method, wrap(payload), options));
  return { server, client, call };
}

for (const version of goVersions) {
  const fromGo = `a client of ${version.name}`;
  const toGo = `a server of ${version.name}`;

  test(`${fromGo}: unary calls, empty, small and as large as a frame can be`, async (t) => {
    const { client } = await goClientOfOurs(t, version);
    t.like(await client.call({ Method: 'Echo' }), { code: 0, payload: '', length: 0 });
    t.like(await client.call({ Method: 'Echo', Payload: 'hällo' }), { code: 0, payload: 'hällo' });
    const almost = MAX_DATA_BYTES - 100;
    t.like(await client.call({ Method: 'Echo', Payload: 'x', Repeat: almost }), { code: 0, length: almost });
  });

  test(`${fromGo}: answers out of order, and very many calls at once`, async (t) => {
    const { client, open } = await goClientOfOurs(t, version);
    const order: string[] = [];
    const waits = ['a', 'b', 'c'].map(async (name) => {
      const { payload } = await client.call({ Method: 'Wait', Payload: name });
      order.push(payload);
    });
    for (const [index, name] of [['2', 'c'] as const, ['0', 'a'] as const, ['1', 'b'] as const]) {
      await open(name);
      await waits[Number(index)];
    }
    t.deepEqual(order, ['c', 'a', 'b']);
    const many = Array.from({ length: 500 }, (_, i) => client.call({ Method: 'Echo', Payload: `<${i}>`, Repeat: 50 }));
    const results = await Promise.all(many);
    t.true(results.every(({ code, payload }, i) => code === 0 && payload.startsWith(`<${i}>`)));
  });

  test(`${fromGo}: metadata`, async (t) => {
    const { client } = await goClientOfOurs(t, version);
    const Metadata = { 'containerd-namespace-ttrpc': ['k8s.io'], many: ['a', 'b'] };
    const ask = async (key: string) => (await client.call({ Method: 'Metadata', Payload: key, Metadata })).payload;
    t.is(await ask('containerd-namespace-ttrpc'), 'k8s.io');
    t.is(await ask('many'), 'a,b');
    t.is(await ask('none'), '');
  });

  test(`${fromGo}: error codes and texts, unknown methods and services`, async (t) => {
    const { client } = await goClientOfOurs(t, version);
    for (const code of CODES) {
      const result = await client.call({ Method: 'Fail', Payload: String(code) });
      t.like(result, { code, message: `failed with ${code}` });
    }
    t.like(await client.call({ Method: 'Plain' }), { code: Code.Unknown, message: 'a plain error' });
    t.like(await client.call({ Method: 'Nope' }), { code: Code.Unimplemented, message: 'method Nope' });
    const unknown = { Service: 'containerd.task.v3.Task', Method: 'Create' };
    t.like(await client.call(unknown), { code: Code.Unimplemented, message: 'service containerd.task.v3.Task' });
  });

  test(`${fromGo}: its timeout reaches the handler`, async (t) => {
    const { client, contexts, server } = await goClientOfOurs(t, version);
    const before = Date.now();
    const { message } = await client.call({ Method: 'Hang', TimeoutMs: 200 });
    t.is(message, 'context deadline exceeded');
    const [context] = contexts;
    t.true((context?.deadline ?? Infinity) <= Date.now() + 200 && (context?.deadline ?? 0) > before);
    while (server.activeCalls > 0) await client.call({ Method: 'Echo' });
    t.true(context?.signal.aborted);
    t.like(await client.call({ Method: 'Echo', Payload: 'next', TimeoutMs: 60_000 }), { payload: 'next' });
  });

  test(`${fromGo}: oversize in both directions fails the call alone`, async (t) => {
    const { client } = await goClientOfOurs(t, version);
    const request = await client.call({ Method: 'Echo', Payload: 'x', Repeat: OVERSIZE });
    t.is(request.code, Code.ResourceExhausted);
    const reply = await client.call({ Method: 'Fill', Payload: String(OVERSIZE) });
    t.is(reply.code, Code.ResourceExhausted);
    const limit = /message length \d+ exceed maximum message size of 4194304/;
    t.regex(request.message, limit);
    t.regex(reply.message, limit);
    t.like(await client.call({ Method: 'Echo', Payload: 'next' }), { code: 0, payload: 'next' });
  });

  test(`${fromGo}: our graceful close answers what runs`, async (t) => {
    const { client, server, open } = await goClientOfOurs(t, version);
    const wait = client.call({ Method: 'Wait', Payload: 'gate' });
    while (server.activeCalls === 0) await client.call({ Method: 'Echo' });
    const closed = server.close();
    await open('gate');
    t.like(await wait, { code: 0, payload: 'gate' });
    await closed;
    t.like(await client.call({ Method: 'Echo' }), { message: 'ttrpc: closed' });
    await client.close();
  });

  test(`${toGo}: unary calls, empty, small and as large as a frame can be`, async (t) => {
    const { call } = await ourClientOfGo(t, version);
    t.is(await call('Echo'), '');
    t.is(await call('Echo', 'hällo'), 'hällo');
    const almost = 'x'.repeat(MAX_DATA_BYTES - 100);
    t.true((await call('Echo', almost)) === almost);
  });

  test(`${toGo}: answers out of order, and very many calls at once`, async (t) => {
    const { call } = await ourClientOfGo(t, version);
    const order: string[] = [];
    const waits = ['a', 'b', 'c'].map(async (name) => {
      order.push(await call('Wait', name));
    });
    for (const [index, name] of [[2, 'c'] as const, [0, 'a'] as const, [1, 'b'] as const]) {
      await call('Open', name);
      await waits[index];
    }
    t.deepEqual(order, ['c', 'a', 'b']);
    const many = Array.from({ length: 500 }, (_, i) => call('Echo', `<${i}>`.repeat(50)));
    t.true((await Promise.all(many)).every((payload, i) => payload === `<${i}>`.repeat(50)));
  });

  test(`${toGo}: metadata`, async (t) => {
    const { call } = await ourClientOfGo(t, version);
    const options = { metadata: { 'Containerd-Namespace-TTRPC': 'k8s.io', many: ['a', 'b'] } };
    t.is(await call('Metadata', 'containerd-namespace-ttrpc', options), 'k8s.io');
    t.is(await call('Metadata', 'many', options), 'a,b');
    t.is(await call('Metadata', 'none', options), '');
  });

  test(`${toGo}: error codes and texts, unknown methods and services`, async (t) => {
    const { call, client } = await ourClientOfGo(t, version);
    const fail = (method: string, payload = '') => t.throwsAsync(call(method, payload), { instanceOf: StatusError });
    for (const code of CODES) t.like(await fail('Fail', String(code)), { code, message: `failed with ${code}` });
    t.like(await fail('Plain'), { code: Code.Unknown, message: 'a plain error' });
    t.like(await fail('Nope'), { code: Code.Unimplemented, message: 'method Nope' });
    const unknown = t.throwsAsync(client.call('no.such.Service', 'Create', wrap('')));
    t.like(await unknown, { code: Code.Unimplemented, message: 'service no.such.Service' });
  });

  test(`${toGo}: our timeout reaches the handler, and ends the wait`, async (t) => {
    const { call } = await ourClientOfGo(t, version);
    t.is(await call('Deadline'), '');
    const left = Number(await call('Deadline', '', { timeoutMs: 60_000 }));
    t.true(left > 0 && left <= 60_000, `${left} ms left`);
    t.like(await t.throwsAsync(call('Hang', '', { timeoutMs: 100 })), {
      code: Code.DeadlineExceeded,
      message: 'context deadline exceeded',
    });
    t.is(await call('Echo', 'next'), 'next');
  });

  test(`${toGo}: an oversize request is refused here, the connection lives on`, async (t) => {
    const { call } = await ourClientOfGo(t, version);
    t.like(await t.throwsAsync(call('Echo', Buffer.alloc(OVERSIZE))), { code: Code.ResourceExhausted });
    t.is(await call('Echo', 'next'), 'next');
  });

  test(`${toGo}: its graceful close answers what runs, then our calls are Unavailable`, async (t) => {
    const { server, call, client } = await ourClientOfGo(t, version);
    const wait = call('Wait', 'gate');
    await call('Echo');
    server.terminate();
    await call('Open', 'gate');
    t.is(await wait, 'gate');
    await client.closed;
    t.like(await t.throwsAsync(call('Echo')), { code: Code.Unavailable });
    t.is(await server.exitStatus(), 0);
  });
}

test('an oversize answer of ttrpc 1.1, which sends it whole, fails its call alone', async (t) => {
  const { call } = await ourClientOfGo(t, goVersions[0]);
  t.like(await t.throwsAsync(call('Fill', String(OVERSIZE))), { code: Code.ResourceExhausted });
  t.is(await call('Echo', 'next'), 'next');
});

test('an oversize answer of ttrpc 1.2, which closes the connection instead, is Unavailable', async (t) => {
  const { call, client } = await ourClientOfGo(t, goVersions[1]);
  t.like(await t.throwsAsync(call('Fill', String(OVERSIZE))), { code: Code.Unavailable });
  await client.closed;
});
