import { execFile } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { SnapshotsClient, type Mount } from './snapshots-client.ts';

/** What a test has containerd do; `script` runs in the layer's mounted root directory. */
export type LayerStep =
  | { readonly do: 'prepare' | 'view'; readonly key: string; readonly parent?: string; readonly script?: string }
  | { readonly do: 'run'; readonly key: string; readonly script: string }
  | { readonly do: 'commit'; readonly key: string; readonly name: string }
  | { readonly do: 'remove'; readonly key: string };

const run = promisify(execFile);

/** Does what containerd does, in one go. @returns what the scripts printed. */
export async function makeLayers(socket: string, steps: readonly LayerStep[]): Promise<string> {
  const client = new SnapshotsClient(socket);
  let printed = '';
  try {
    for (const step of steps) printed += await perform(client, step);
    return printed;
  } finally {
    client.close();
  }
}

async function perform(client: SnapshotsClient, step: LayerStep): Promise<string> {
  if (step.do === 'commit') await client.commit(step.name, step.key);
  else if (step.do === 'remove') await client.remove(step.key);
  else {
    if (step.do !== 'run') await client[step.do](step.key, step.parent ?? '');
    if (step.script !== undefined) return runMounted(await client.mounts(step.key), step.script);
  }
  return '';
}

async function runMounted(mounts: readonly Mount[], script: string): Promise<string> {
  const target = await mkdtemp(path.join(tmpdir(), 'lx-mount-'));
  for (const { type, source, options } of mounts) {
    await run('mount', ['-t', type, '-o', options.join(','), source, target]);
  }
  try {
    return (await run('sh', ['-ec', script], { cwd: target })).stdout;
  } finally {
    await run('umount', [target]);
    await rmdir(target);
  }
}
