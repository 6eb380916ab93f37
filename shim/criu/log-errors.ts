import { readTextIfExists } from '../../common/files.ts';

const MAX_ERRORS = 4;

/** What criu's log, or what it wrote before it had one, says of a failure: its first errors, which lead to the rest. */
export async function readCriuErrors(files: readonly string[]): Promise<string> {
  for (const file of files) {
    const errors = findErrors((await readTextIfExists(file).catch(() => undefined)) ?? '');
    if (errors.length > 0) return errors.slice(0, MAX_ERRORS).join('; ');
  }
  return 'it says nothing';
}

/** `(00.123456)    12: Error (criu/file.c:12): text`, or a line of a program that it runs. */
export function findErrors(log: string): readonly string[] {
  const lines = log.split('\n').flatMap((line) => {
    const [, text] = /\bError\b(?: \([^)]*\))?: (.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [text.trim()];
  });
  return [...new Set(lines)];
}
