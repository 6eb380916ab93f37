import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { PROGRAMS } from './bed.ts';

const CHECKOUT = path.resolve(import.meta.dirname, '../../../..');

/** Makes the daemon, its worker, the interposer and a driver of this checkout, as single files. */
export async function buildPrograms(directory: string, driver: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const at = (name: string) => path.join(directory, name);
  await Promise.all([
    bundle(path.join(CHECKOUT, 'snapshotter/main.ts'), at(PROGRAMS.daemon)),
    bundle(driver, at(PROGRAMS.driver)),
    buildWorker(directory),
    buildInterposer(at(PROGRAMS.interposer)),
  ]);
}

async function bundle(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    keepNames: true,
    sourcemap: 'inline',
    logLevel: 'warning',
    define: { LXCRI_VERSION: '"0.0.0-test"' },
  });
}

async function buildWorker(directory: string): Promise<void> {
  const target = path.join(directory, PROGRAMS.worker);
  await execa('make', ['-s', '-C', path.join(CHECKOUT, 'snapshotter/native'), target, `OUT=${directory}`], {
    timeout: 120_000,
  });
}

export async function buildInterposer(program: string): Promise<void> {
  const source = path.join(CHECKOUT, 'test/support/worker-interposer/interposer.c');
  const flags = ['-std=c11', '-D_GNU_SOURCE=', '-Wall', '-Wextra', '-Werror', '-O2', '-static'];
  await execa('gcc', [...flags, '-o', program, source], { timeout: 60_000 });
}
