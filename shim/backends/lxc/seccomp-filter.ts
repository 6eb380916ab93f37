import { exec } from '../../../common/exec.ts';
import { internal, invalidArgument } from '../../../common/errors.ts';
import { Plan } from '../../monitor/plan.ts';
import type { Seccomp, SeccompAction, SeccompFlag } from '../../oci/spec.ts';

/** What the init loads: shim/native/init/seccomp.c. */
export interface SeccompFilter {
  /** Those of seccomp(2). */
  readonly flags: number;
  /** BPF instructions in hexadecimal. */
  readonly program: string;
}

/** include/uapi/linux/seccomp.h */
const FLAGS: Readonly<Record<SeccompFlag, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
};

const EPERM = 1;
const COMPILE_TIMEOUT_MS = 10_000;
/** Containers of one host have few different profiles; a program has some 20 KB. */
const MAX_KEPT = 32;

/** Compiles profiles, each once. */
export class SeccompFilters {
  readonly #compiler: string;
  readonly #programs = new Map<string, Promise<string>>();

  /** @param compiler the path of lxcri-seccomp. */
  constructor(compiler: string) {
    this.#compiler = compiler;
  }

  /** @throws StatusError InvalidArgument, with the JSON path, for what this host's libseccomp cannot do. */
  async compile(seccomp: Seccomp): Promise<SeccompFilter> {
    if (seccomp.listenerPath !== undefined) {
      throw invalidArgument(
        'config.json: linux.seccomp.listenerPath is not supported by the lxc backend yet: remove it',
      );
    }
    const flags = (seccomp.flags ?? (['SECCOMP_FILTER_FLAG_SPEC_ALLOW'] as const)).reduce(
      (bits, flag) => bits | FLAGS[flag],
      0,
    );
    return { flags, program: await this.#program(planProfile(seccomp).toString()) };
  }

  async #program(plan: string): Promise<string> {
    const known = this.#programs.get(plan);
    if (known !== undefined) return known;
    const compiling = this.#run(plan);
    this.#programs.set(plan, compiling);
    const [oldest] = this.#programs.keys();
    if (this.#programs.size > MAX_KEPT && oldest !== undefined) this.#programs.delete(oldest);
    // One that failed is tried again.
    compiling.catch(() => this.#programs.delete(plan));
    return compiling;
  }

  async #run(plan: string): Promise<string> {
    try {
      return await exec(this.#compiler, [], { timeoutMs: COMPILE_TIMEOUT_MS, input: plan });
    } catch (error) {
      const { exitCode, stderr } = error as { exitCode?: number; stderr?: string };
      if (exitCode === 1) throw invalidArgument(`config.json: ${stderr ?? ''}`, { cause: error });
      throw internal('the seccomp profile cannot be compiled: does lxcri-seccomp run?', { cause: error });
    }
  }
}

/** For lxcri-seccomp: shim/native/seccomp/profile.c. */
function planProfile({ defaultAction, defaultErrnoRet, architectures, syscalls }: Seccomp): Plan {
  const plan = new Plan();
  plan
    .add('field', 'linux.seccomp.defaultAction')
    .add('default', ...action(defaultAction, defaultErrnoRet, 'defaultAction'));
  architectures.forEach((name, index) => {
    plan.add('field', `linux.seccomp.architectures[${index}]`);
    plan.add('architecture', name.replace('SCMP_ARCH_', '').toLowerCase());
  });
  syscalls.forEach(({ names, action: what, errnoRet, args }, index) => {
    const field = `syscalls[${index}]`;
    plan.add('field', `linux.seccomp.${field}`).add('rule', ...action(what, errnoRet, `${field}.action`));
    for (const { index: number, op, value, valueTwo } of args) plan.add('argument', number, op, value, valueTwo);
    for (const name of names) plan.add('syscall', name);
  });
  return plan;
}

function action(name: SeccompAction, errno: number | undefined, field: string): [string, number] {
  if (name === 'SCMP_ACT_NOTIFY') {
    throw invalidArgument(
      `config.json: linux.seccomp.${field} is SCMP_ACT_NOTIFY: not supported by the lxc backend yet; use another action`,
    );
  }
  return [name, errno ?? EPERM];
}
