import { appendFile, chmod, mkdir, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { hasErrorCode } from '../../../common/files.ts';
import type { CreateTaskRequest } from '../../../proto/gen/containerd/task/v2/task.ts';
import { RunPaths } from '../../../shim/daemon/paths.ts';
import { ContainerRegistry } from '../../../shim/task/container-registry.ts';
import { recover } from '../../../shim/task/recovery.ts';
import { BARE_BACKEND } from '../../support/bare-backend.ts';
import { DirectCourier } from '../../support/direct-courier.ts';
import { Sink } from '../events/support.ts';
import { minimal } from '../oci/documents.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { tempDir } from '../support/temp-dir.ts';

const STAND_IN = path.join(import.meta.dirname, 'support/stand-in-monitor.cjs');

const PAGE = 4096;

/** The directories of daemons, a containerd for their events, and bundles. */
export class RegistryWorld {
  readonly dir: string;
  readonly sink: Sink;
  readonly #t: ExecutionContext;

  private constructor(t: ExecutionContext, dir: string, sink: Sink) {
    this.#t = t;
    this.dir = dir;
    this.sink = sink;
  }

  static async create(t: ExecutionContext): Promise<RegistryWorld> {
    const dir = await tempDir(t);
    const world = new RegistryWorld(t, dir, new Sink(t, dir));
    await mkdir(path.join(dir, 'run/daemon'), { recursive: true });
    await mkdir(path.join(dir, 'lib'));
    const program = path.join(dir, 'lib/lxcri-monitor');
    await writeFile(program, `#!${process.execPath}\nrequire(${JSON.stringify(STAND_IN)});\n`);
    await chmod(program, 0o755);
    await world.sink.listen();
    return world;
  }

  paths(build = 'build-a'): RunPaths {
    return new RunPaths(path.join(this.dir, 'run'), path.join(this.dir, 'lib'), build);
  }

  /** A daemon's registry; with `takeOver` it takes over what there is first. */
  async daemon({ build = 'build-a', takeOver = true } = {}) {
    const paths = this.paths(build);
    const { logger, records } = recordingLogger();
    const courier = new DirectCourier();
    const registry = new ContainerRegistry({ paths, backend: BARE_BACKEND, logger, courier });
    this.#t.teardown(async () => {
      await registry.close();
      courier.close();
    });
    if (takeOver) await recover(registry, paths, logger);
    return { registry, paths, log: records };
  }

  /** Has the run directory on a file system of its own, which is small. */
  async limit(): Promise<void> {
    const runDir = path.join(this.dir, 'run');
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=711', 'tmpfs', runDir]);
    this.#t.teardown(() => execa('umount', ['--lazy', runDir]));
    await mkdir(path.join(runDir, 'daemon'));
  }

  get #filler(): string {
    return path.join(this.dir, 'run/filler');
  }

  /** Leaves no room in it, nor in the last pages of the files to which lines are appended. */
  async fill(): Promise<void> {
    const runDir = path.join(this.dir, 'run');
    for (const name of await readdir(runDir, { recursive: true })) {
      if (!/^(answers$|events\/.*\/)/.test(name)) continue;
      const { size } = await stat(path.join(runDir, name));
      await appendFile(path.join(runDir, name), '\n'.repeat((PAGE - (size % PAGE)) % PAGE));
    }
    const file = await open(this.#filler, 'w');
    try {
      for (;;) await file.write(Buffer.alloc(PAGE));
    } catch (error) {
      if (!hasErrorCode(error, 'ENOSPC')) throw error;
    } finally {
      await file.close();
    }
  }

  async free(): Promise<void> {
    await rm(this.#filler);
  }

  async request(id: string): Promise<CreateTaskRequest> {
    const bundle = path.join(this.dir, 'bundles', id);
    await mkdir(path.join(bundle, 'rootfs'), { recursive: true });
    await writeFile(path.join(bundle, 'config.json'), JSON.stringify(minimal()));
    await writeFile(path.join(bundle, 'publisher'), `ttrpc=${this.sink.path}\n`);
    return {
      ...{ id, bundle, rootfs: [], terminal: false, stdin: '', stdout: '', stderr: '' },
      ...{ checkpoint: '', parentCheckpoint: '', options: undefined },
    };
  }

  /** What is left of containers and events, as paths below the run directory. */
  async left(): Promise<string[]> {
    const entries = await readdir(path.join(this.dir, 'run'), { recursive: true });
    return entries.filter((entry) => /^(containers|events)\/./.test(entry)).sort();
  }

  topics(): string[] {
    return this.sink.topics.map((topic) => topic.replace('/tasks/', ''));
  }
}
