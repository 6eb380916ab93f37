export interface GoTest {
  /** As Go calls it: `TestContainerd/Basic`. */
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly seconds: number;
  readonly output: string;
}

const OUTCOMES = { PASS: 'passed', FAIL: 'failed', SKIP: 'skipped' } as const;

/** Before each line that is the test framework's own. */
const MARK = '\u0016';

/**
 * Reads what a Go test binary prints with -test.v=test2json, which tells each result at once. Tests that only hold others are left out; one that began and has no
 * result, because the run ended before it, has failed.
 */
export function parseGoTests(text: string): GoTest[] {
  const outputs = new Map<string, string[]>();
  const results = new Map<string, Pick<GoTest, 'outcome' | 'seconds'>>();
  let current: string | undefined;
  for (const line of text.replaceAll(MARK, '').split('\n')) {
    const event = /^=== (?:RUN|PAUSE|CONT|NAME) +(.*)$/.exec(line);
    const result = /^ *--- (PASS|FAIL|SKIP): (.*) \(([\d.]+)s\)$/.exec(line);
    if (event !== null) {
      // No name once every test has ended.
      current = event[1] === '' ? undefined : event[1];
      if (current !== undefined && !outputs.has(current)) outputs.set(current, []);
    } else if (result?.[2] !== undefined) {
      const outcome = OUTCOMES[result[1] as keyof typeof OUTCOMES];
      results.set(result[2], { outcome, seconds: Number(result[3]) });
    } else if (current !== undefined) {
      outputs.get(current)?.push(line);
    }
  }
  const names = [...outputs.keys()];
  return names
    .filter((name) => !names.some((other) => other.startsWith(`${name}/`)))
    .map((name) => ({
      name,
      ...(results.get(name) ?? { outcome: 'failed', seconds: 0 }),
      output: (outputs.get(name) ?? []).join('\n'),
    }));
}
