import { constants } from 'node:os';
import { startVm } from '../start-vm.ts';
import type { Vm } from '../vm.ts';
import { findBackgroundVm } from './background-vm.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs a command in the machine that `vm:start` left running, else in one for this command alone. */
export async function run(argv: readonly string[]): Promise<number> {
  const interrupted = new Promise<NodeJS.Signals>((resolve) => {
    // Not `once`: execa's own listener ends the process if it finds itself alone.
    for (const signal of SIGNALS) process.on(signal, resolve);
  });
  const background = await findBackgroundVm();
  if (background !== undefined) return runIn(background.vm, argv, interrupted);
  const own = startVm();
  const started = await Promise.race([own, interrupted]);
  if (typeof started === 'string') return exitCodeOf(started);
  try {
    return await runIn(started, argv, interrupted);
  } finally {
    await started.stop();
  }
}

/** With a terminal on both ends, keys such as ctrl-c go to the command; else signals to us end it. */
async function runIn(vm: Vm, argv: readonly string[], interrupted: Promise<NodeJS.Signals>): Promise<number> {
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  const streams = { stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' } as const;
  const command = vm.spawn(argv, { terminal }, streams);
  const outcome = await Promise.race([command.child, interrupted]);
  if (typeof outcome !== 'string' && outcome.exitCode !== undefined) return outcome.exitCode;
  await command.kill('SIGTERM');
  return exitCodeOf(typeof outcome === 'string' ? outcome : 'SIGTERM');
}

const exitCodeOf = (signal: NodeJS.Signals) => 128 + constants.signals[signal];
