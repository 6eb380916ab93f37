import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { messageOf } from '../../../common/errors.ts';
import type { ReceivedLayer, ReceiveRequest } from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import { hasErrorCode } from '../../../common/files.ts';
import { Exit } from '../command.ts';
import { formatBytes, formatJson, printable } from '../format.ts';
import { ProgressLine } from '../progress.ts';
import { UsageError } from '../usage-error.ts';
import { textOf, type Invocation } from './verb.ts';

const CHUNK = 256 << 10;

/** `receive [FILE]` */
export async function receive(invocation: Invocation): Promise<number> {
  const { client, positionals, values, json } = invocation;
  const input = await openInput(positionals[0] ?? '-');
  const progress = new ProgressLine();
  const layers: ReceivedLayer[] = [];
  try {
    for await (const { message } of client.receive(requests(input, textOf(values, 'prefix')))) {
      if (message?.$case === 'progress') progress.bytes('received', message.progress.done, 0n);
      if (message?.$case !== 'layer') continue;
      layers.push(message.layer);
      progress.clear();
      if (!json) process.stdout.write(`${printable(sentence(message.layer))}\n`);
    }
  } finally {
    progress.clear();
    input.destroy();
  }
  if (json) process.stdout.write(formatJson(layers));
  return Exit.ok;
}

const sentence = ({ name, skipped, bytes }: ReceivedLayer) =>
  skipped ? `${name} is there already` : `${name} received, ${formatBytes(bytes)}`;

async function openInput(file: string): Promise<NodeJS.ReadStream | ReturnType<typeof createReadStream>> {
  if (file === '-') {
    if (!process.stdin.isTTY) return process.stdin;
    throw new UsageError('there is nothing to receive: name a file, or give a stream with < or |');
  }
  try {
    if (!(await stat(file)).isDirectory()) return createReadStream(file, { highWaterMark: CHUNK });
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error;
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`);
  }
  throw new UsageError(`${file} is a directory: name a file that send wrote`);
}

async function* requests(input: AsyncIterable<unknown>, prefix: string): AsyncGenerator<ReceiveRequest> {
  yield { data: Buffer.alloc(0), prefix };
  for await (const data of input) yield { data: data as Buffer, prefix: '' };
}
