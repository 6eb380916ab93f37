import { createCipheriv, createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test from 'ava';
import { eventually } from '../support/eventually.ts';
import { useContainerd } from '../support/with-containerd.ts';

const fixture = useContainerd(test);
const MIB = 1024 * 1024;

/** Bytes without a pattern, always the same ones: none can be lost, doubled or moved unseen. */
function* noise(size: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16));
  const zeros = Buffer.alloc(MIB);
  for (let done = 0; done < size; done += MIB) yield cipher.update(zeros);
}

async function digest(stream: AsyncIterable<Buffer>): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** Starts ctr with its stdin open and its stdout as bytes. */
function spawnBinary(args: readonly string[], { stdin = 'ignore' }: { stdin?: 'pipe' | 'ignore' } = {}) {
  return fixture.containerd.spawnCtr(args, { stdin, keepOutput: false, timeoutMs: 150_000 });
}

/** Sends `input` as soon as the payload has said `ready`, and gives what it says after that. */
async function* afterReady(stdout: Readable, stdin: Writable, input: Readable): AsyncGenerator<Buffer> {
  let head = Buffer.alloc(0);
  let sent: Promise<void> | undefined;
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    if (sent !== undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (!head.toString('latin1').startsWith('ready\n')) continue;
    sent = pipeline(input, stdin);
    yield head.subarray('ready\n'.length);
  }
  await sent;
}

test.serial('1 GiB through cat arrives whole', async (t) => {
  t.timeout(180_000);
  const size = 1024 * MIB;
  const ctr = spawnBinary(fixture.runArgs(['--rm'], ['sh', '-c', 'echo ready; exec cat']), { stdin: 'pipe' });
  if (ctr.stdin === null) throw new Error('ctr has no stdin');
  const received = await digest(afterReady(ctr.stdout, ctr.stdin, Readable.from(noise(size))));
  t.is((await ctr).exitCode, 0);
  t.deepEqual(received, await digest(Readable.from(noise(size))));
});

test.serial('what a payload writes last, before it ends, is not lost', async (t) => {
  for (let round = 0; round < 10; round++) {
    const { code, stdout } = await fixture.run(['sh', '-c', 'seq 1 20000; exit 5']);
    t.is(code, 5);
    t.is(stdout.split('\n').length, 20_001);
  }
});

test.serial('a client that detaches and comes back loses nothing', async (t) => {
  // Until it is told to, it says nothing: ctr would pass on or lose what it hears before it detaches.
  const payload = `trap 'seq 5001 10000' USR1; trap 'seq 10001 15000; exit 7' USR2; read go; seq 1 5000; while :; do sleep 60 & wait; done`;
  const id = await fixture.runDetached(t, ['sh', '-c', payload]);

  const first = fixture.containerd.spawnCtr(['tasks', 'attach', id], { stdin: 'pipe' });
  first.stdin?.write('go\n');
  let seen = '';
  first.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  await eventually(() => seen.includes('\n5000\n') || undefined);
  first.kill('SIGKILL');
  await first;

  await fixture.containerd.ctr(['tasks', 'kill', '--signal', 'SIGUSR1', id]);
  const second = fixture.containerd.spawnCtr(['tasks', 'attach', id]);
  second.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  await eventually(() => seen.includes('\n10000\n') || undefined);
  await fixture.containerd.ctr(['tasks', 'kill', '--signal', 'SIGUSR2', id]);
  t.is((await second).exitCode, 7);

  const lines = Array.from({ length: 15_000 }, (_, index) => String(index + 1));
  t.deepEqual(seen.trimEnd().split('\n'), lines);
});

test.serial('stdin stays open for a detached client', async (t) => {
  const id = await fixture.runDetached(t, ['sh', '-c', 'read line; echo "got $line"']);
  const attached = fixture.containerd.spawnCtr(['tasks', 'attach', id], { stdin: 'pipe' });
  attached.stdin?.write('it\n');
  const { exitCode, stdout } = await attached;
  t.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: 'got it\n' });
});

test.serial('--null-io: no stdio at all', async (t) => {
  const { code, stdout } = await fixture.run(['sh', '-c', 'echo nobody reads this; cat; exit 4'], ['--null-io']);
  t.deepEqual({ code, stdout }, { code: 4, stdout: '' });
});

test.serial('--log-uri file://: stdout and stderr go to the file', async (t) => {
  const file = path.join(fixture.containerd.dir, 'container.log');
  await fixture.runDetached(t, ['sh', '-c', 'echo out; echo err >&2'], ['--log-uri', `file://${file}`]);
  const lines = await eventually(async () => {
    const complete = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
    return complete.length >= 2 ? complete : undefined;
  });
  t.deepEqual(lines.sort(), ['err', 'out']); // two pipes: which comes first is not said
});
