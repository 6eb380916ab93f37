import test from 'ava';
import { isClean } from '../fuzz/report.ts';
import { runFuzz } from '../fuzz/run.ts';
import { SEED } from '../support/seeded-random.ts';

/** `npm run fuzz` has more of it: docs/testing-chaos.md. */
test('mutated frames, messages and configs crash nothing, hang nothing and leave nothing', async (t) => {
  t.timeout(170_000);
  t.log(`LXCRI_TEST_SEED=${SEED}`);
  const say = (line: string) => {
    t.log(line);
  };
  const result = await runFuzz({ frames: 20_000, configs: 50, seed: SEED }, say, new AbortController().signal);
  t.deepEqual(result.findings, []);
  t.true(isClean(result), JSON.stringify(result.growth));
  t.is(result.frames.frames, 20_000);
  t.is(result.configs.configs, 50);
  // It got through to the methods, and to containers.
  for (const code of ['OK', 'InvalidArgument', 'NotFound']) t.true((result.frames.answers[code] ?? 0) > 100, code);
  t.true(result.configs.created > 0);
});
