import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { failedPrecondition, unimplemented } from '../../common/errors.ts';
import { readTextIfExists } from '../../common/files.ts';
import type { Backend } from '../backends/backend.ts';
import { directoryOf, type Cgroup } from '../cgroups/cgroup.ts';
import { findCriu } from '../criu/criu-program.ts';
import type { CheckpointDescription } from '../criu/description.ts';
import { DUMP_LOG, externalNamespaces, planDump } from '../criu/dump-plan.ts';
import { describeMounts } from '../criu/external-mounts.ts';
import { readCriuErrors } from '../criu/log-errors.ts';
import { CRIU_OUTPUT } from '../criu/restore-plan.ts';
import { describeStream } from '../criu/streams.ts';
import { taskCheckpointed } from '../events/task-events.ts';
import type { Plan } from '../monitor/plan.ts';
import { readSpec } from '../oci/read-spec.ts';
import type { Announcements } from './announcements.ts';
import type { CallIdentity } from './call-identity.ts';
import type { CheckpointRequest } from './checkpoint-options.ts';
import type { ContainerRecord } from './container-record.ts';
import { Deferred } from './deferred.ts';
import type { ExecTable } from './exec-table.ts';
import type { KeptAnswers } from './kept-answers.ts';
import { checkpointFailed } from './messages.ts';
import type { MonitorLink } from './monitor-link.ts';
import {
  beginCheckpoint,
  checkImages,
  completeCheckpoint,
  discardCheckpoint,
  forgetCheckpoint,
  ownWorkDirectory,
  readPendingCheckpoint,
  type PendingCheckpoint,
} from './pending-checkpoint.ts';
import { plainError } from './task-process.ts';

/** The container whose checkpoints they are. */
export interface CheckpointedContainer {
  readonly record: ContainerRecord;
  /** The state directory. */
  readonly directory: string;
  readonly pid: number;
  readonly hostNetwork: string;
  readonly backend: Backend;
  readonly link: MonitorLink;
  readonly announcements: Announcements;
  readonly answers: KeptAnswers;
  readonly execs: ExecTable;
}

/** What criu ends with when it was not even begun: shim/native/monitor/criu.h. */
const NOT_RUN = 255;

/**
 * Writes a container's processes to files. The monitor runs criu, which goes on when this daemon dies; the next one
 * learns how it ended, and does the rest.
 */
export class Checkpointing {
  readonly #container: CheckpointedContainer;
  /** Of the dump that is under way. */
  #dumped: Deferred<number> | undefined;
  /** Tells that dump from others of the container. */
  #token = '';

  constructor(container: CheckpointedContainer) {
    this.#container = container;
  }

  /** criu has the container's processes in its hands. */
  get isDumping(): boolean {
    return this.#dumped !== undefined;
  }

  /** Returns when the checkpoint is whole. @throws StatusError; nothing is left of it then, and the container goes on. */
  async run(request: CheckpointRequest, call: CallIdentity | undefined): Promise<void> {
    const { pending, plan } = await this.#prepare(request, call);
    const { directory, link, hostNetwork } = this.#container;
    let status = NOT_RUN;
    try {
      await beginCheckpoint(directory, pending);
      await writeFile(path.join(directory, 'dump.plan'), plan.toString(), { mode: 0o600 });
      status = await this.#await(pending.token, () => {
        link.send(`checkpoint ${hostNetwork} ${pending.token}`);
      });
    } catch (error) {
      await discardCheckpoint(pending, this.#container.record.bundle);
      await forgetCheckpoint(directory, pending);
      throw error;
    }
    await this.#finish(pending, status);
  }

  /** Takes up what an earlier daemon has begun. */
  async recover(): Promise<void> {
    const pending = await readPendingCheckpoint(this.#container.directory);
    if (pending === undefined) return;
    const { link, directory, record } = this.#container;
    const status = await this.#await(pending.token, () => {
      link.send(`await-checkpoint ${pending.token}`);
    });
    if (status !== NOT_RUN) {
      await this.#finish(pending, status);
      return;
    }
    // Nothing was decided: whoever asks again has it begun again.
    await discardCheckpoint(pending, record.bundle);
    await forgetCheckpoint(directory, pending);
  }

  /** The monitor says how criu has ended. */
  receive(status: number): void {
    this.#dumped?.resolve(status);
  }

  /** The connection to the monitor is a new one. */
  reconnected(): void {
    if (this.#dumped !== undefined) this.#container.link.send(`await-checkpoint ${this.#token}`);
  }

  /** There is no monitor any more, or never was. */
  gone(): void {
    const dumped = this.#dumped;
    if (dumped === undefined) return;
    void this.#readStatus().then((status) => {
      dumped.resolve(status);
    });
  }

  /** The container is to go, whatever becomes of the checkpoint. */
  abort(): void {
    if (this.#dumped !== undefined) this.#container.link.send('abort-checkpoint');
  }

  async #await(token: string, ask: () => void): Promise<number> {
    this.#token = token;
    this.#dumped = new Deferred<number>();
    try {
      if (this.#container.link.isOpen) ask();
      else this.gone();
      return await this.#dumped.promise;
    } finally {
      this.#dumped = undefined;
    }
  }

  /** What the monitor has left word of. */
  async #readStatus(): Promise<number> {
    const text = await readTextIfExists(path.join(this.#container.directory, 'dump.status')).catch(() => undefined);
    const [status = '', token] = (text ?? '').trim().split(' ');
    return token === this.#token ? Number(status) : NOT_RUN;
  }

  async #finish(pending: PendingCheckpoint, status: number): Promise<void> {
    const { record, directory, announcements, answers } = this.#container;
    if (status === 0) {
      await completeCheckpoint(pending);
      if (!announcements.isToldOf('checkpointed', pending.token)) {
        await announcements.again(taskCheckpointed(record.id, pending.images), pending.token);
      }
      await forgetCheckpoint(directory, pending);
      return;
    }
    const errors = await readCriuErrors([path.join(pending.work, DUMP_LOG), path.join(directory, CRIU_OUTPUT)]);
    const log = await discardCheckpoint(pending, record.bundle);
    const failure = plainError(checkpointFailed(`criu ended with ${status}: ${errors}; its log is ${log}`));
    await answers.keepError(pending.token, failure);
    await forgetCheckpoint(directory, pending);
    throw failure;
  }

  /** Everything that can be refused is refused here: nothing has changed yet. */
  async #prepare({ images, work, exit, options }: CheckpointRequest, call: CallIdentity | undefined) {
    const { record, directory, pid, execs } = this.#container;
    if (record.stdio.terminal) {
      throw unimplemented('a container with a terminal cannot be checkpointed yet: run it without one');
    }
    const { running } = execs;
    if (running !== undefined) {
      throw failedPrecondition(
        `exec ${running} runs in the container, and criu would leave it out: wait for its end, or kill it`,
      );
    }
    const program = await findCriu(record.criu?.program ?? '');
    const description = await this.#describe(options);
    const asked = work === '' ? (record.criu?.work ?? '') : work;
    const pending: PendingCheckpoint = {
      token: call ?? `-/${Date.now()}`,
      images,
      madeImages: !(await checkImages(images)),
      work: asked === '' ? ownWorkDirectory(directory) : asked,
      ownWork: asked === '',
      description,
    };
    const freezer = record.cgroups.find(({ version }) => version === 2)?.directory;
    const plan: Plan = await planDump({
      program,
      pid,
      images,
      work: pending.work,
      description,
      exit,
      freezer: freezer ?? directoryOf(record.cgroups, 'freezer'),
    });
    return { pending, plan };
  }

  async #describe(options: CheckpointRequest['options']): Promise<CheckpointDescription> {
    const { record, pid, link, backend } = this.#container;
    const { namespace, id, bundle, stdio } = record;
    const { value: spec } = await readSpec(bundle);
    const ties = backend.describeTies({ namespace, id, spec });
    const names = [stdio.stdin, stdio.stdout, stdio.stderr] as const;
    const identities = await link.describeStreams();
    return {
      version: 1,
      streams: identities.map((identity, stream) => describeStream(names, stream, identity)),
      ...(await describeMounts(pid, ties.mounts)),
      namespaces: externalNamespaces(ties),
      options: { ...options, cgroupsMode: options.cgroupsMode || (await chooseCgroupsMode(record.cgroups)) },
    };
  }
}

/**
 * To save and restore cgroups, criu mounts their hierarchies, and on cgroup v2 that takes options such as nsdelegate from
 * the host's mount. It is asked to only if the container has cgroups of its own below the one that the monitor makes.
 */
async function chooseCgroupsMode(cgroups: readonly Cgroup[]): Promise<string> {
  for (const { directory } of cgroups) {
    const entries = await readdir(directory, { withFileTypes: true });
    if (entries.some((entry) => entry.isDirectory())) return 'soft';
  }
  return 'ignore';
}
