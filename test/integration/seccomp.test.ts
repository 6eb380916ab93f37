import test from 'ava';
import { execute } from '../support/execs.ts';
import { refusalOf } from '../support/refusal.ts';
import { RUNC, RUNTIME } from '../support/runtimes.ts';
import { createRequest } from '../support/shim-host.ts';
import { useShimHost } from '../support/with-shim-host.ts';

const fixture = useShimHost(test);

const DENY = {
  defaultAction: 'SCMP_ACT_ALLOW',
  architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  syscalls: [
    { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 },
    { names: ['sethostname'], action: 'SCMP_ACT_KILL_PROCESS' },
  ],
};

const SCRIPT = 'grep -E "^(Seccomp|NoNewPrivs|CapEff):" /proc/self/status; mkdir /x 2>&1; hostname y; echo $?';

for (const noNewPrivileges of [false, true]) {
  test(`a filter is loaded, and execs have it too (no_new_privs: ${noNewPrivileges})`, async (t) => {
    const container = await fixture.running(t, ['sleep', '1000'], {
      edit: ({ process, linux }) => {
        process['noNewPrivileges'] = noNewPrivileges;
        linux['seccomp'] = DENY;
      },
    });
    const capabilities = { bounding: ['CAP_CHOWN'], permitted: ['CAP_CHOWN'], effective: ['CAP_CHOWN'] };
    const { stdout } = await execute(container, ['sh', '-c', SCRIPT], { noNewPrivileges, capabilities });
    // runc's shim writes stderr to the same file, and the shell says there what ended the other.
    const lines = stdout
      .trim()
      .split('\n')
      .filter((line) => line !== 'Bad system call');
    t.deepEqual(lines.sort(), [
      ...['159', 'CapEff:\t0000000000000001', `NoNewPrivs:\t${Number(noNewPrivileges)}`, 'Seccomp:\t2'],
      "mkdir: can't create directory '/x': Permission denied",
    ]);
  });
}

test('the container’s own process has it', async (t) => {
  const { task, init } = await fixture.created(t, {
    args: ['sh', '-c', 'mkdir /x && exit 1; hostname y; exit $?'],
    edit: ({ linux }) => {
      linux['seccomp'] = DENY;
    },
  });
  await task.start(init);
  t.is((await task.wait(init)).exitStatus, 159);
});

if (RUNTIME !== RUNC) {
  test('a profile that denies everything ends the container', async (t) => {
    const { task, init } = await fixture.created(t, {
      args: ['true'],
      edit: ({ linux }) => {
        linux['seccomp'] = { defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86_64'] };
      },
    });
    await task.start(init);
    t.true((await task.wait(init)).exitStatus >= 128);
  });

  test('profiles that cannot be are refused with their place', async (t) => {
    const cases: [seccomp: object, text: RegExp][] = [
      [{ defaultAction: 'SCMP_ACT_NOTIFY' }, /linux\.seccomp\.defaultAction is SCMP_ACT_NOTIFY: not supported/],
      [{ ...DENY, listenerPath: '/run/x.sock' }, /linux\.seccomp\.listenerPath is not supported/],
      [{ ...DENY, architectures: ['SCMP_ARCH_VAX'] }, /linux\.seccomp\.architectures\[0\] is "SCMP_ARCH_VAX"/],
    ];
    for (const [seccomp, text] of cases) {
      const shim = await fixture.shim(t, {
        edit: ({ linux }) => {
          linux['seccomp'] = seccomp;
        },
      });
      t.regex((await refusalOf(shim.task.create(createRequest(shim.bundle)))).message, text);
    }
  });

  test('a profile of AppArmor that the host does not have is refused', async (t) => {
    const shim = await fixture.shim(t, {
      edit: ({ process }) => {
        process['apparmorProfile'] = 'no-such-profile';
      },
    });
    const { message } = await refusalOf(shim.task.create(createRequest(shim.bundle)));
    t.regex(
      message,
      /process\.apparmorProfile is "no-such-profile": this host has no AppArmor|no-such-profile: it is not loaded/,
    );
  });
}
