/**
 * The beginning of a command line whose program dies with this process, even if this one is killed: the kernel sends it
 * SIGKILL. To be started from the main thread, whose end it is that counts.
 */
export const BOUND_TO_US = { program: 'setpriv', args: ['--pdeathsig', 'KILL', '--'] } as const;
