import { setTimeout as sleep } from 'node:timers/promises';
import type { Qmp } from './qmp.ts';

const TIMEOUT_MS = 120_000;

/** The memory is a file already: the stream has the devices only. */
export async function leaveOutSharedMemory(qmp: Qmp): Promise<void> {
  await qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'x-ignore-shared', state: true }] });
}

/** Waits for the end of a migration, in whichever direction. */
export async function finishMigration(qmp: Qmp): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const { status } = (await qmp.execute('query-migrate')) as { readonly status?: string };
    if (status === 'completed') return;
    if (status === 'failed' || Date.now() > deadline) throw new Error(`QEMU's migration: ${status ?? 'did not begin'}`);
    await sleep(10);
  }
}
