/** A command of `proxmox-lxcri`: `run` gets what follows its name, and gives the exit code. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly run: (args: readonly string[]) => Promise<number>;
}

/** All went well; it failed, or found problems; the command line is wrong; who read the output went away. */
export const Exit = { ok: 0, failed: 1, usage: 2, interrupted: 130, brokenPipe: 141 } as const;
