/**
 * `npm test`: every check and every test, all of them even if one fails. Says at the end what failed, prints
 * `N passed, N failed` last, and exits with 0 only if nothing failed and every step ran to its end.
 *
 * What only computes runs side by side, the building of the VM's image among it. What starts containers has the machine
 * for itself: to build the image beside that stalled whatever else wrote to the disk for seconds.
 */
import { createInterface } from 'node:readline';
import path from 'node:path';
import { execa } from 'execa';

interface Step {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
  /** Reads the results off the output; a step without is one check. */
  readonly count?: (lines: readonly string[]) => Counts;
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface Result extends Counts {
  /** For the end, which is what people see of a long run: the failed tests, and why they did. */
  readonly failures: readonly string[];
}

const root = path.resolve(import.meta.dirname, '../..');
const STEP_TIMEOUT_MS = 45 * 60_000;

/** Stages follow one another; the lanes of a stage run side by side, and the steps of a lane one after the other. */
const stages: readonly (readonly (readonly Step[])[])[] = [
  [
    [
      { name: 'lint', command: ['npm', 'run', '-s', 'lint'] },
      { name: 'types', command: ['npm', 'run', '-s', 'typecheck'] },
    ],
    [{ name: 'native tests', command: ['npm', 'run', '-s', 'test:native'], count: countTap }],
    [{ name: 'vm image', command: ['npm', 'run', '-s', 'vm:build'] }],
  ],
  [
    [
      { name: 'unit tests', command: ['npm', 'run', '-s', 'test:unit'], count: countAva },
      { name: 'integration tests', command: ['npm', 'run', '-s', 'test:integration'], count: countAva },
      { name: 'chaos', command: ['npm', 'run', '-s', 'chaos', '--', '--minutes', '3'] },
      { name: 'conformance tests', command: ['npm', 'run', '-s', 'test:conformance'], count: countAva },
      { name: 'vm tests', command: ['npm', 'run', '-s', 'test:vm'], count: countAva },
      { name: 'demo', command: ['npm', 'run', '-s', 'demo'] },
    ],
  ],
];

/** ava's line for each test, and its last ones: `1 test failed`, `1 unhandled rejection`, … */
function countAva(lines: readonly string[]): Counts {
  const sum = (pattern: RegExp) =>
    lines.reduce((total, line) => total + Number(pattern.exec(line.trim())?.[1] ?? 0), 0);
  const trouble = sum(/^(\d+) (?:uncaught exceptions?|unhandled rejections?|tests? remained pending)/);
  // What did not run must not look like success: this project skips nothing.
  const skipped = sum(/^(\d+) tests? (?:skipped|todo)$/);
  return {
    passed: lines.filter((line) => /^\s*✔ /.test(line)).length,
    failed: sum(/^(\d+) (?:tests?|hooks?) failed$/) + trouble + skipped,
  };
}

/** TAP of the native tests: shim/native/testing/check.h. */
function countTap(lines: readonly string[]): Counts {
  return {
    passed: lines.filter((line) => /^ok \d+/.test(line)).length,
    failed: lines.filter((line) => /^not ok \d+/.test(line)).length,
  };
}

type Print = (line: string) => void;

/** Runs a step; `print` gets its output. A step that fails without a failed test counts as one failure. */
async function run({ name, command: [program, ...args], count }: Step, print: Print): Promise<Result> {
  print(`\n── ${name}: ${[program, ...args].join(' ')}`);
  const started = performance.now();
  const lines: string[] = [];
  const child = execa(program, args, {
    cwd: root,
    all: true,
    stdin: 'ignore',
    reject: false,
    timeout: STEP_TIMEOUT_MS,
  });
  for await (const line of createInterface({ input: child.all })) {
    lines.push(line);
    print(line);
  }
  const { exitCode } = await child;
  const counted = count?.(lines) ?? { passed: exitCode === 0 ? 1 : 0, failed: 0 };
  const nothingRan = counted.passed + counted.failed === 0;
  const unexplained = (exitCode !== 0 && counted.failed === 0) || nothingRan ? 1 : 0;
  const result = { passed: counted.passed, failed: counted.failed + unexplained };
  const seconds = Math.round((performance.now() - started) / 1000);
  print(`── ${name}: ${result.passed} passed, ${result.failed} failed, ${seconds} s`);
  return { ...result, failures: result.failed > 0 ? explain(name, lines, exitCode) : [] };
}

/** What failed of a step, and the reasons as far as they fit. */
function explain(name: string, lines: readonly string[], exitCode: number | undefined): string[] {
  const told = lines.filter((line) => FAILURE.test(line)).map((line) => `${name}: ${line.trim()}`);
  const reasons = lines.findIndex((line) => REASONS.test(line));
  const last = reasons < 0 ? lines.slice(-10) : lines.slice(reasons + 1, reasons + 1 + MAX_REASON_LINES);
  return [
    ...(told.length > 0 ? told : [`${name}: exit code ${exitCode ?? 'none'}`]),
    ...last.map((line) => `    ${line}`),
  ];
}

/** The first lane's output is seen as it comes; that of the others when all are through, each in one piece. */
async function runStage(lanes: readonly (readonly Step[])[]): Promise<Result[]> {
  const waiting: string[][] = lanes.map(() => []);
  const results = await Promise.all(
    lanes.map((lane, index) => runLane(lane, index === 0 ? console.log : (line) => waiting[index]?.push(line))),
  );
  for (const line of waiting.flat()) console.log(line);
  return results.flat();
}

async function runLane(steps: readonly Step[], print: Print): Promise<Result[]> {
  const results: Result[] = [];
  for (const step of steps) results.push(await run(step, print));
  return results;
}

/** A failed test, as ava and as check.h show it. */
const FAILURE = /^\s*✘ |^not ok \d/;
/** Behind this line ava and chaos tell why. */
const REASONS = /^\s*─$|^Failures:$/;
const MAX_REASON_LINES = 60;

const results: Result[] = [];
for (const stage of stages) results.push(...(await runStage(stage)));
const failures = results.flatMap((result) => result.failures);
if (failures.length > 0) console.log(`\nWhat failed:\n${failures.join('\n')}`);
const sum = (key: keyof Counts) => results.reduce((total, result) => total + result[key], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') === 0 ? 0 : 1;
