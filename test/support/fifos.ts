import { constants, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { eventually } from './eventually.ts';
import { makeFifo } from './make-fifo.ts';

/** A container's streams as containerd's clients make them, all three read and written here. */
export interface Fifos {
  /** For a Create request. */
  readonly paths: { readonly stdin: string; readonly stdout: string; readonly stderr: string };
  /** What has come out so far. */
  readonly output: () => string;
  readonly shows: (what: RegExp) => Promise<string>;
  readonly write: (text: string) => Promise<void>;
}

/** Makes them in `directory`; when the test ends, they are closed. */
export async function makeFifos(t: ExecutionContext, directory: string, prefix = 'f'): Promise<Fifos> {
  const at = (name: string) => path.join(directory, `${prefix}-${name}`);
  const [stdin, stdout, stderr] = [at('in'), at('out'), at('err')];
  await makeFifo(stdin, stdout, stderr);
  let text = '';
  for (const output of [stdout, stderr]) {
    const fd = openSync(output, constants.O_RDONLY | constants.O_NONBLOCK);
    const reader = new Socket({ fd, readable: true });
    reader.on('data', (chunk: Buffer) => (text += chunk.toString()));
    reader.on('error', () => undefined);
    t.teardown(() => reader.destroy());
  }
  const input = await open(stdin, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => input.close());
  return {
    paths: { stdin, stdout, stderr },
    output: () => text,
    shows: (what) => eventually(() => (what.test(text) ? text : undefined)),
    write: async (line) => {
      await input.write(line);
    },
  };
}
