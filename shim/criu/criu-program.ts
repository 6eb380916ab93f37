import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { failedPrecondition, invalidArgument } from '../../common/errors.ts';

/** Debian's package has it in /usr/sbin, which not everybody's PATH names. */
const DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** `asked` is what a client's option names; empty for whichever there is. @returns an absolute path. */
export async function findCriu(asked: string): Promise<string> {
  if (asked !== '') {
    if (path.isAbsolute(asked) && (await isExecutable(asked))) return asked;
    throw invalidArgument(
      `options.criu_path is ${JSON.stringify(asked)}: expected the absolute path of an executable criu`,
    );
  }
  const own = (process.env['PATH'] ?? '').split(':').filter((directory) => path.isAbsolute(directory));
  for (const directory of new Set([...own, ...DIRECTORIES])) {
    const program = path.join(directory, 'criu');
    if (await isExecutable(program)) return program;
  }
  throw failedPrecondition('criu is not installed, and checkpoints are made by it: install the package criu');
}

const isExecutable = (program: string): Promise<boolean> =>
  access(program, constants.X_OK).then(
    () => true,
    () => false,
  );
