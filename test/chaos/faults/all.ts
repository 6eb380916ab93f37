import type { Fault } from './fault.ts';
import { fillState } from './fill-state.ts';
import { killDaemon } from './kill-daemon.ts';
import { killMonitor } from './kill-monitor.ts';
import { stallReader, vanishReader } from './readers.ts';
import { restartContainerd } from './restart-containerd.ts';
import { stopProcess } from './stop-process.ts';

/** By the names of the command line. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  daemon: killDaemon,
  containerd: restartContainerd,
  monitor: killMonitor,
  stall: stallReader,
  vanish: vanishReader,
  full: fillState,
  stop: stopProcess,
};
