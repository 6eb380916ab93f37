import { symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { RuntimeInfo } from '../../../proto/gen/containerd/types/introspection.ts';
import { Any } from '../../../proto/gen/google/protobuf/any.ts';
import { World } from './support/world.ts';

test('-v prints what containerd’s own shims print', async (t) => {
  const world = await World.create(t);
  for (const flag of ['-v', '--version']) {
    const { stdout } = await world.run([flag]);
    t.is(stdout, 'containerd-shim-lxcri-v1:\n  Version:  0.0.0\n  Revision: abcdef\n');
  }
});

test('help tells a person what to run', async (t) => {
  const world = await World.create(t);
  for (const flag of ['-h', '-help', '--help']) {
    const { stdout, stderr, exitCode } = await world.run([flag]);
    t.is(exitCode, 0);
    t.is(stderr, '');
    t.true(stdout.includes('ctr run --rm --runtime io.containerd.lxcri.v1'));
  }
});

test('bad arguments are answered with one line', async (t) => {
  const world = await World.create(t);
  for (const [args, reason] of [
    [[], '--help'],
    [['-nonsense'], '-nonsense'],
    [['-id'], '-id needs a value'],
    [['-debug=maybe', 'start'], 'maybe'],
    [['stop'], 'unknown action "stop"'],
    [['status', 'extra'], 'status takes no arguments'],
    [['reload', '-x'], 'reload takes no arguments'],
    [['start'], '-namespace'],
    [['-namespace', 'n', 'delete'], '-id'],
  ] as const) {
    const { stdout, stderr, exitCode } = await world.run(args);
    t.is(exitCode, 1);
    t.is(stdout, '');
    t.true(stderr.startsWith('containerd-shim-lxcri-v1: ') && stderr.includes(reason), stderr);
    t.is(stderr.indexOf('\n'), stderr.length - 1, stderr);
  }
});

async function info(binary: string, input = new Uint8Array()): Promise<RuntimeInfo> {
  const { stdout } = await execa(binary, ['-info'], { encoding: 'buffer', input });
  return RuntimeInfo.decode(stdout);
}

test('-info describes the runtime', async (t) => {
  const world = await World.create(t);
  const { name, version, options, features, annotations } = await info(world.binary);
  t.is(name, 'io.containerd.lxcri.v1');
  t.deepEqual(version, { version: '0.0.0', revision: 'abcdef' });
  t.is(options, undefined);
  t.is(features?.typeUrl, 'types.containerd.io/opencontainers/runtime-spec/1/features/Features');
  const document = JSON.parse(Buffer.from(features?.value ?? []).toString()) as Record<string, unknown>;
  t.deepEqual(document['linux'], { mountExtensions: { idmap: { enabled: false } } });
  t.deepEqual(annotations, {});
});

test('-info gives back the options and takes the features from the installation', async (t) => {
  const world = await World.create(t);
  const features = '{"ociVersionMin":"1.0.0","ociVersionMax":"1.2.0","linux":{}}';
  await writeFile(path.join(path.dirname(world.daemonScript), 'features.json'), features);
  const given = { typeUrl: 'runtimeoptions.v1.Options', value: Buffer.from([1, 2, 3]) };
  const answer = await info(world.binary, Any.encode(given).finish());
  t.is(answer.options?.typeUrl, given.typeUrl);
  t.deepEqual([...(answer.options?.value ?? [])], [1, 2, 3]);
  t.is(Buffer.from(answer.features?.value ?? []).toString(), features);
});

test('-info names the runtime that its link stands for', async (t) => {
  const world = await World.create(t);
  const link = path.join(world.dir, 'bin/containerd-shim-lxcri-pve-v1');
  await symlink('containerd-shim-lxcri-v1', link);
  t.is((await info(link)).name, 'io.containerd.lxcri-pve.v1');
});

test('-info refuses options that are none', async (t) => {
  const world = await World.create(t);
  for (const input of [Buffer.from([0x0b]), Buffer.alloc(1_000_000)]) {
    const { exitCode, stdout, stderr } = await execa(world.binary, ['-info'], { input, reject: false });
    t.is(exitCode, 1);
    t.is(stdout, '');
    t.true(stderr.includes('options'), stderr);
  }
});
