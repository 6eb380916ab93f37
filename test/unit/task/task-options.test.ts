import test from 'ava';
import fc from 'fast-check';
import { Code, StatusError } from '../../../common/errors.ts';
import { CreateOptions } from '../../../proto/gen/containerd/linux/runc/options.ts';
import { Options } from '../../../proto/gen/containerd/runc/v1/options.ts';
import { Options as RuntimeOptions } from '../../../proto/gen/runtimeoptions/v1/options.ts';
import { readTaskOptions } from '../../../shim/task/task-options.ts';

const NONE = { ioUid: 0, ioGid: 0 };
const runc = (changes: Partial<Options> = {}, prefix = '') => ({
  typeUrl: `${prefix}containerd.runc.v1.Options`,
  value: Buffer.from(Options.encode({ ...Options.decode(new Uint8Array()), ...changes }).finish()),
});

test('nothing, and whatever says nothing, is nothing', (t) => {
  t.like(readTaskOptions(undefined), NONE);
  t.like(readTaskOptions({ typeUrl: '', value: Buffer.alloc(0) }), NONE);
  t.like(readTaskOptions(runc()), NONE);
  t.like(readTaskOptions(runc({}, 'type.googleapis.com/')), NONE);
  t.like(readTaskOptions({ typeUrl: 'runtimeoptions.v1.Options', value: Buffer.alloc(0) }), NONE);
});

test('the owner of the streams is honoured', (t) => {
  t.like(readTaskOptions(runc({ ioUid: 1000, ioGid: 4294967295 })), { ioUid: 1000, ioGid: 4294967295 });
});

for (const [changes, name] of [
  [{ noPivotRoot: true }, 'no_pivot_root'],
  [{ noNewKeyring: true }, 'no_new_keyring'],
  [{ shimCgroup: '/x' }, 'shim_cgroup'],
  [{ binaryName: 'crun' }, 'binary_name'],
  [{ root: '/x' }, 'root'],
  [{ systemdCgroup: true }, 'systemd_cgroup'],
] as const) {
  test(`${name} is refused by its name`, (t) => {
    const error = t.throws(() => readTaskOptions(runc(changes)), { instanceOf: StatusError });
    t.is(error.code, Code.InvalidArgument);
    t.true(error.message.includes(`set ${name}:`), error.message);
  });
}

test('how criu is run, and what it is to restore, is honoured', (t) => {
  t.like(readTaskOptions(runc({ criuPath: '/opt/criu', criuImagePath: '/c', criuWorkPath: '/w' })), {
    criu: { program: '/opt/criu', work: '/w' },
    checkpoint: '/c',
  });
  t.like(readTaskOptions(undefined), { criu: { program: '', work: '' }, checkpoint: '' });
  t.throws(() => readTaskOptions(runc({ criuWorkPath: 'w' })), { message: /criu_work_path is "w"/ });
});

test('all that is refused is named at once', (t) => {
  t.throws(() => readTaskOptions(runc({ noPivotRoot: true, systemdCgroup: true, ioUid: 5 })), {
    message: /set no_pivot_root, systemd_cgroup:/,
  });
});

test('the other types that clients send are read too', (t) => {
  const value = Buffer.from(
    CreateOptions.encode({ ...CreateOptions.decode(new Uint8Array()), noPivotRoot: true }).finish(),
  );
  t.throws(() => readTaskOptions({ typeUrl: 'containerd.linux.runc.CreateOptions', value }), {
    message: /no_pivot_root/,
  });
  const path = Buffer.from(
    RuntimeOptions.encode({ ...RuntimeOptions.decode(new Uint8Array()), configPath: '/x' }).finish(),
  );
  t.throws(() => readTaskOptions({ typeUrl: 'runtimeoptions.v1.Options', value: path }), { message: /config_path/ });
});

test('an unknown type is refused', (t) => {
  t.throws(() => readTaskOptions({ typeUrl: 'x.y.Z', value: Buffer.alloc(0) }), {
    message: /^options have the type "x\.y\.Z"/,
  });
});

test('bytes that are no options are an error of the caller, whatever they are', (t) => {
  const types = ['containerd.runc.v1.Options', 'containerd.linux.runc.CreateOptions', 'runtimeoptions.v1.Options'];
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.uint8Array(), (typeUrl, bytes) => {
      const value = Buffer.from(bytes);
      try {
        readTaskOptions({ typeUrl, value });
        t.pass();
      } catch (error) {
        t.true(error instanceof StatusError && error.code === Code.InvalidArgument);
      }
    }),
  );
});
