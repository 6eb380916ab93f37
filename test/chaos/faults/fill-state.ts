import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

const LONGEST_MS = 2500;
const REFILL_MS = 100;
const BLOCK = Buffer.alloc(65_536);

/** The state directory is full for a while: what is new may be refused, and nothing else. */
export const fillState: Fault = {
  name: 'the state directory fills up',
  meanMs: 15_000,
  async strike({ containerd, windows }, random) {
    const time = random.fraction() * LONGEST_MS;
    const filler = path.join(containerd.runDir, 'filler');
    await windows.during('full', async () => {
      const until = Date.now() + time;
      do {
        await fill(filler);
        await sleep(REFILL_MS);
      } while (Date.now() < until);
      await rm(filler, { force: true });
    });
    return 'filled';
  },
};

/** To the last byte. */
async function fill(filler: string): Promise<void> {
  const file = await open(filler, 'a');
  try {
    for (let size = BLOCK.length; size >= 4096;) {
      const { bytesWritten } = await file.write(BLOCK, 0, size).catch(noSpace);
      if (bytesWritten === 0) size /= 2;
    }
  } finally {
    await file.close();
  }
}

function noSpace(error: unknown) {
  if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return { bytesWritten: 0 };
  throw error;
}
