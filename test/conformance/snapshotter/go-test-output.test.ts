import test from 'ava';
import { parseGoTests } from './go-test-output.ts';

test('reads results and outputs of tests that run in parallel', (t) => {
  const lines = [
    '\u0016=== RUN   TestAll',
    '\u0016=== RUN   TestAll/Good',
    '\u0016=== PAUSE TestAll/Good',
    '\u0016=== RUN   TestAll/Bad',
    '    bad.go:1: first',
    '\u0016=== NAME  TestAll/Good',
    '    good.go:1: fine',
    '\u0016=== CONT  TestAll/Bad',
    '    bad.go:2: second',
    '\u0016--- FAIL: TestAll/Bad (1.50s)',
    '\u0016=== RUN   TestAll/Bad#01',
    '\u0016--- SKIP: TestAll/Bad#01 (0.00s)',
    '\u0016--- PASS: TestAll/Good (0.25s)',
    '\u0016=== RUN   TestAll/Endless',
    '\u0016=== NAME  ',
    'PASS',
    '\u0016=== NAME  TestAll/Endless',
    'panic: test timed out after 1s',
  ];
  t.deepEqual(parseGoTests(lines.join('\n')), [
    { name: 'TestAll/Good', outcome: 'passed', seconds: 0.25, output: '    good.go:1: fine' },
    { name: 'TestAll/Bad', outcome: 'failed', seconds: 1.5, output: '    bad.go:1: first\n    bad.go:2: second' },
    { name: 'TestAll/Bad#01', outcome: 'skipped', seconds: 0, output: '' },
    { name: 'TestAll/Endless', outcome: 'failed', seconds: 0, output: 'panic: test timed out after 1s' },
  ]);
});
