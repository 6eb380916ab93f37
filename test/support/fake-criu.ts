import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Options } from '../../proto/gen/containerd/runc/v1/options.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';

/**
 * What stands in for criu where none works: a dump writes one file, and ends the process unless it is to go on; a
 * restore starts a process that says so on stdout, and ends with 7 when it gets a SIGTERM.
 */
const SCRIPT = `#!/bin/sh
here=$(dirname "$0")
action=$1
echo "$@" > "$here/$action-arguments"
for word; do
  case $last in
    --tree) tree=$word ;;
    --images-dir) images=$word ;;
    --work-dir) work=$word ;;
    --log-file) log=$word ;;
    --pidfile) pidfile=$word ;;
  esac
  case $word in --leave-running) leave=1 ;; esac
  last=$word
done
[ "$action" = dump ] && echo something > "$images/core-1.img"
: > "$here/$action-begun"
while [ -e "$here/hold" ]; do sleep 0.02; done
if [ -e "$here/fail" ]; then
  printf '(00.000001) Version: 0\\n(00.000002)    1: Error (criu/fake.c:12): this kernel is none of mine\\n(00.000003) Error (criu/fake.c:99): it FAILED\\n' > "$work/$log"
  exit 1
fi
if [ "$action" = dump ]; then
  [ -n "$leave" ] || kill -9 "$tree"
  exit 0
fi
sh -c 'trap "exit 7" TERM; echo restored; while :; do sleep 0.05; done' < /proc/self/fd/10 > /proc/self/fd/11 2> /proc/self/fd/12 &
echo $! > "$pidfile"
`;

/** A criu that obeys the test. */
export class FakeCriu {
  readonly program: string;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.program = path.join(directory, 'criu');
  }

  /** In a directory of its own below `parent`. */
  static async make(parent: string, script = SCRIPT): Promise<FakeCriu> {
    const criu = new FakeCriu(path.join(parent, 'fake-criu'));
    await mkdir(criu.#directory);
    await writeFile(criu.program, script, { mode: 0o755 });
    return criu;
  }

  /** `hold`: does not end before `release`. `fail`: ends with 1. */
  async set(what: 'hold' | 'fail'): Promise<void> {
    await writeFile(this.file(what), '');
  }

  async release(): Promise<void> {
    await rm(this.file('hold'), { force: true });
  }

  /** One of the files that it leaves: `dump-begun`, `restore-arguments`, … */
  file(name: string): string {
    return path.join(this.#directory, name);
  }

  /** The options of a Create request that name it. */
  get options(): Any {
    return criuOptions({ criuPath: this.program });
  }
}

export const criuOptions = (options: Partial<Options>): Any => ({
  typeUrl: 'containerd.runc.v1.Options',
  value: Buffer.from(Options.encode({ ...Options.decode(new Uint8Array()), ...options }).finish()),
});
