import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { once } from 'node:events';
import { Exit } from '../command.ts';
import { formatBytes, formatJson } from '../format.ts';
import { ProgressLine } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { textOf, type Invocation } from './verb.ts';

/** `send NAME [-o FILE]` */
export async function send(invocation: Invocation): Promise<number> {
  const output = textOf(invocation.values, 'output');
  if (output !== '') return sendToFile(invocation, output);
  if (invocation.json) throw new UsageError('--json needs -o FILE: the layers themselves go to stdout');
  if (process.stdout.isTTY) {
    throw new UsageError('layers are not for a terminal: write them to a file with -o FILE, or to a program with |');
  }
  await transfer(invocation, async (data) => {
    if (!process.stdout.write(data)) await once(process.stdout, 'drain', { signal: invocation.signal });
  });
  return Exit.ok;
}

/** The file has its name once all of it is on the disk. */
async function sendToFile(invocation: Invocation, output: string): Promise<number> {
  if (await stat(output).catch(() => undefined)) {
    throw new UsageError(`${output} is there already: remove it, or choose another name`);
  }
  const partial = `${output}.partial`;
  const file = await open(partial, 'w', 0o600);
  try {
    const bytes = await transfer(invocation, (data) => writeAll(file, data));
    await file.sync();
    await rename(partial, output);
    process.stdout.write(invocation.json ? formatJson({ output, bytes }) : `${output}: ${formatBytes(bytes)}\n`);
    return Exit.ok;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) at += (await file.write(data, at)).bytesWritten;
}

/** @returns how many bytes there were. */
async function transfer(
  { client, positionals: [name = ''] }: Invocation,
  write: (data: Uint8Array) => Promise<void>,
): Promise<bigint> {
  const progress = new ProgressLine();
  let total = 0n;
  let done = 0n;
  try {
    for await (const { data, estimate } of client.stream('send', { name })) {
      if (estimate > 0n) total = estimate;
      await write(data);
      done += BigInt(data.length);
      progress.bytes(name, done, total);
    }
  } finally {
    progress.clear();
  }
  return done;
}
