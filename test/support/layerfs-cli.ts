import path from 'node:path';
import { execa } from 'execa';
import { DIST_BIN } from './runtimes.ts';

/** The command line, as the build made it. */
export const LXCRI = path.join(DIST_BIN, 'proxmox-lxcri');

export interface CliResult {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const TIMEOUT_MS = 60_000;

/** Runs `proxmox-lxcri layerfs …` against the daemon at `socket`, without a terminal. */
export async function layerfs(socket: string, ...args: readonly string[]): Promise<CliResult> {
  const { exitCode, stdout, stderr } = await execa(LXCRI, ['layerfs', ...args], {
    env: { LAYERFS_SOCKET: socket },
    stdin: 'ignore',
    reject: false,
    timeout: TIMEOUT_MS,
    stripFinalNewline: false,
  });
  return { exitCode, stdout, stderr };
}

/** What a call with `--json` prints. @throws Error with its stderr if it fails otherwise than by `exitCode`. */
export async function layerfsJson(socket: string, args: readonly string[], exitCode = 0): Promise<unknown> {
  const result = await layerfs(socket, ...args, '--json');
  if (result.exitCode === exitCode) return JSON.parse(result.stdout);
  throw new Error(`layerfs ${args.join(' ')} ended with ${String(result.exitCode)}: ${result.stderr}${result.stdout}`);
}
