import { BUSYBOX_IMAGE } from '../../support/oci-image.ts';
import { LXCRI } from '../../support/runtimes.ts';
import { CALL_MS } from '../go-client.ts';
import { CutOff, EXCUSES, Life, Trouble } from './life.ts';

interface CtrRun {
  readonly outcome: 'done' | 'restart' | 'full' | 'killed' | 'slow';
  readonly stdout: string;
}

/** gRPC's Unknown: of an error that ctr has told in words. */
const UNKNOWN = 2;

/** A life that people lead with ctr; what a restart of containerd makes of a ctr is mended by our client. */
export abstract class CtrLife extends Life {
  /** The arguments of a `ctr run` of this container. */
  protected runArgs(flags: readonly string[], command: readonly string[]): readonly string[] {
    return [
      'run',
      ...flags,
      '--runtime',
      LXCRI,
      '--fifo-dir',
      this.world.fifos,
      BUSYBOX_IMAGE.name,
      this.id,
      ...command,
    ];
  }

  /** Runs ctr, whose exit status is to be `exit`. @throws Trouble if it fails without an excuse, or hangs. */
  protected async ctr(args: readonly string[], exit = 0): Promise<CtrRun> {
    const from = Date.now();
    const name = args[0] === 'tasks' ? `ctr tasks ${args[1] ?? ''}` : `ctr ${args[0] ?? ''}`;
    this.doing = name;
    const { exitCode, stdout, stderr, timedOut } = await this.world.containerd.spawnCtr(args, { timeoutMs: CALL_MS });
    this.world.count(name);
    // What it complains of comes first, as a long note is cut.
    this.noteCall(name, from, { exitCode, stderr, stdout });
    if (timedOut) throw new Trouble('hung call');
    if (exitCode === exit && stderr === '') return { outcome: 'done', stdout };
    const outcome = this.judge(stderr, UNKNOWN, from);
    if (outcome === 'failed' && exitCode !== undefined && stderr === '' && this.expectation.allows(exit, exitCode))
      return { outcome: 'done', stdout };
    if (outcome === 'failed') throw new Trouble(`${name}: exit status ${String(exitCode)}, not ${exit}: ${stderr}`);
    this.world.count(`${name} excused: ${EXCUSES[outcome]}`);
    return { outcome, stdout };
  }

  /** A detached `ctr run` or one that was cut off: how far did it get? @throws CutOff unless it was started. */
  protected async adopt({ outcome }: CtrRun): Promise<void> {
    if (outcome !== 'done') {
      const reason = EXCUSES[outcome];
      if (outcome === 'full') throw new CutOff('no room for a new container');
      const status = await this.look();
      if (status === 'none' || status === 'created') throw new CutOff(`ctr run, when ${reason}`);
    }
    this.expectation.must('/tasks/create');
    this.expectation.must('/tasks/start');
  }
}
