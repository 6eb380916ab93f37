import { execa } from 'execa';

export async function makeFifo(...paths: readonly string[]): Promise<void> {
  await execa('mkfifo', paths, { timeout: 10_000 });
}
