import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { Code, StatusError } from '../../../../common/errors.ts';
import { listen } from '../../../../snapshotter/daemon/listening-socket.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

test('what is no socket is not taken for that of a dead daemon', async (t) => {
  const directory = await makeTempDir();
  t.teardown(() => rm(directory, { recursive: true }));
  const file = path.join(directory, 'precious');
  await writeFile(file, 'data');
  const error = await t.throwsAsync(
    listen(file, () => undefined),
    { instanceOf: StatusError },
  );
  t.is(error.code, Code.FailedPrecondition);
  t.regex(error.message, /precious.*no socket/);
  t.is(await readFile(file, 'utf8'), 'data');
});
