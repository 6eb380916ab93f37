import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { Code, StatusError } from '../../../common/errors.ts';
import { MAX_CONFIG_BYTES, readSpec } from '../../../shim/oci/read-spec.ts';
import { descriptorsOf } from '../../support/process-usage.ts';
import { encode, fixtureText, minimal } from './documents.ts';

const test = anyTest as TestFn<{ bundle: string; config: string }>;

test.beforeEach(async (t) => {
  const bundle = await mkdtemp(join(tmpdir(), 'lxcri-bundle-'));
  t.context = { bundle, config: join(bundle, 'config.json') };
});
test.afterEach.always((t) => rm(t.context.bundle, { recursive: true }));

/** What Docker takes for the executable's own failure (exit codes 126 and 127), or for a container that is gone. */
const DOCKER_TEXTS = /not found|no such|not a directory|is a directory|permission denied/i;

async function refusalOf(bundle: string): Promise<string> {
  const error = await readSpec(bundle).catch((thrown: unknown) => thrown);
  if (!(error instanceof StatusError) || error.code !== Code.InvalidArgument)
    throw new Error('not refused', { cause: error });
  if (DOCKER_TEXTS.test(error.message)) throw new Error(`Docker misreads: ${error.message}`);
  return error.message;
}

test('reads what ctr run generates', async (t) => {
  const { bundle, config } = t.context;
  await writeFile(config, fixtureText('ctr-run'));
  const { value, warnings } = await readSpec(bundle);
  t.deepEqual(warnings, []);
  t.is(value.root.path, join(bundle, 'rootfs'));
  t.deepEqual(value.process.args, ['sleep', '100']);
});

test('a missing file', async (t) => {
  t.is(await refusalOf(t.context.bundle), `${t.context.config} does not exist: the bundle needs one`);
  t.regex(await refusalOf(join(t.context.bundle, 'nowhere')), /nowhere\/config\.json does not exist/);
});

test('a directory, and a bundle that is a file', async (t) => {
  const { bundle, config } = t.context;
  await mkdir(config);
  t.is(await refusalOf(bundle), `${config} must be a regular file`);
  t.regex(await refusalOf('/dev/null'), /^\/dev\/null\/config\.json cannot be opened \(ENOTDIR\)$/);
});

test('a FIFO does not block', async (t) => {
  const { bundle, config } = t.context;
  execFileSync('mkfifo', [config]);
  t.is(await refusalOf(bundle), `${config} must be a regular file`);
});

test('50 MB are refused unread', async (t) => {
  const { bundle, config } = t.context;
  await writeFile(config, '');
  await truncate(config, 50e6);
  const before = process.memoryUsage().arrayBuffers;
  t.is(await refusalOf(bundle), `${config} has 50000000 bytes: at most ${MAX_CONFIG_BYTES} are read`);
  t.true(process.memoryUsage().arrayBuffers - before < 1e6);
});

test('a file of exactly the limit is read', async (t) => {
  const { bundle, config } = t.context;
  const bytes = encode(minimal());
  await writeFile(config, bytes);
  await t.notThrowsAsync(readSpec(bundle, bytes.length));
  await t.throwsAsync(readSpec(bundle, bytes.length - 1), { message: /at most/ });
});

test('an empty and a truncated file', async (t) => {
  const { bundle, config } = t.context;
  await writeFile(config, '');
  t.is(await refusalOf(bundle), `${config} is not valid JSON: line 1, column 1: expected a value, the text ends`);
  await writeFile(config, fixtureText('ctr-run').slice(0, 1000));
  t.regex(await refusalOf(bundle), /is not valid JSON: line [0-9]+, column [0-9]+: expected .*(ends|found)/);
});

test('bytes that are no UTF-8', async (t) => {
  const { bundle, config } = t.context;
  await writeFile(config, Buffer.from('7b22ff223a317d', 'hex'));
  t.is(await refusalOf(bundle), `${config} is not valid JSON: expected UTF-8`);
});

for (const [text, found] of [
  ['[]', 'is a list of 0'],
  ['null', 'is missing'],
  ['"spec"', 'is "spec"'],
  ['18446744073709551615', 'is 18446744073709551615'],
] as const) {
  test(`${text} instead of an object`, async (t) => {
    const { bundle, config } = t.context;
    await writeFile(config, text);
    t.is(await refusalOf(bundle), `${config}: the document ${found}: expected an object`);
  });
}

test('no descriptor is left open', async (t) => {
  const { bundle, config } = t.context;
  await writeFile(config, '{');
  for (let i = 0; i < 20; i++) await refusalOf(bundle);
  // Those of the tests that run at the same time are none of this one's business.
  const targets = [...(await descriptorsOf(process.pid)).values()];
  t.deepEqual(
    targets.filter((target) => target.startsWith(bundle)),
    [],
  );
});
