import path from 'node:path';

/** Where this daemon's files are. The keeper has made the run directory. */
export class RunPaths {
  readonly runDirectory: string;
  readonly libraryDirectory: string;
  readonly build: string;

  constructor(runDirectory: string, libraryDirectory: string, build: string) {
    this.runDirectory = runDirectory;
    this.libraryDirectory = libraryDirectory;
    this.build = build;
  }

  /** @throws Error if the keeper did not start this process. */
  static fromEnvironment(environment: NodeJS.ProcessEnv): RunPaths {
    const { LXCRI_RUN_DIR: run, LXCRI_LIB_DIR: library, LXCRI_BUILD: build } = environment;
    if (!run || !library || !build) {
      throw new Error('this is the shim daemon; containerd-shim-lxcri-v1 starts it when containerd runs a container');
    }
    return new RunPaths(run, library, build);
  }

  get containers(): string {
    return path.join(this.runDirectory, 'containers');
  }

  container(namespace: string, id: string): string {
    return path.join(this.containers, namespace, id);
  }

  get rootfsMount(): string {
    return path.join(this.runDirectory, 'rootfs');
  }

  /** Beside the containers, since a container's last events are sent when its directory is gone. */
  get events(): string {
    return path.join(this.runDirectory, 'events');
  }

  /** The answers that may be asked for again: shim/task/kept-answers.ts. */
  get answers(): string {
    return path.join(this.runDirectory, 'answers');
  }

  /** For what has to be written though the disk is full: common/space-reserve.ts. */
  get reserve(): string {
    return path.join(this.runDirectory, 'reserve');
  }

  journal(namespace: string, name: string): string {
    return path.join(this.events, namespace, name);
  }

  get monitorProgram(): string {
    return path.join(this.libraryDirectory, 'lxcri-monitor');
  }
}
