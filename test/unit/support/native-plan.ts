import { readFileSync } from 'node:fs';

/** One operation of a plan, with the JSON path that it comes from. */
export interface Operation {
  readonly name: string;
  readonly args: readonly string[];
  readonly field: string | undefined;
}

const NATIVE = new URL('../../../shim/native/', import.meta.url);

/** How many arguments each operation takes, from the table of the native program that will read the plan. */
function readArities(program: 'init' | 'monitor'): ReadonlyMap<string, number> {
  const source = readFileSync(new URL(`${program}/plan-operations.c`, NATIVE), 'utf8');
  const shared = program === 'monitor' ? readFileSync(new URL('monitor/stream-operations.h', NATIVE), 'utf8') : '';
  const table = shared + source.slice(source.indexOf('plan_operation operations[]'));
  const entries = [...table.matchAll(/\{[\s\\]*"([a-z-]+)",[\s\\]*(\d+),[\s\\]*op_\w+[\s\\]*\}/g)];
  if (entries.length === 0) throw new Error(`${program}/plan-operations.c has no table of operations`);
  return new Map(entries.map(([, name = '', count = '']) => [name, Number(count)]));
}

const arities = { init: readArities('init'), monitor: readArities('monitor') };

/** The words of a plan, as shim/native/common/plan.c reads them. */
export function wordsOf(text: string): string[] {
  if (text === '') return [];
  if (!text.endsWith('\0')) throw new Error('a plan does not end in NUL');
  return text.slice(0, -1).split('\0');
}

/** Reads a plan as the native program would. @throws Error where that would fail with EPROTO. */
export function parsePlan(text: string, program: 'init' | 'monitor'): Operation[] {
  const words = wordsOf(text);
  const operations: Operation[] = [];
  let field: string | undefined;
  for (let next = 0; next < words.length;) {
    const name = words[next] ?? '';
    const count = arities[program].get(name);
    if (count === undefined) throw new Error(`${program} knows no operation ${JSON.stringify(name)}`);
    const args = words.slice(next + 1, next + 1 + count);
    if (args.length < count) throw new Error(`the operation ${name} has ${args.length} arguments`);
    next += 1 + count;
    if (name === 'field') field = args[0];
    else operations.push({ name, args, field });
  }
  return operations;
}

/** The arguments of all operations of one name. */
export const argsOf = (operations: readonly Operation[], name: string): (readonly string[])[] =>
  operations.filter((operation) => operation.name === name).map(({ args }) => args);
