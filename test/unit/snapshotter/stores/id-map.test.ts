import test from 'ava';
import { Code, StatusError } from '../../../../common/errors.ts';
import { idMapOptions, UID_LABEL } from '../../../../snapshotter/stores/id-map.ts';
import { mappedOwner } from '../../../../snapshotter/stores/overlay/mapped-owner.ts';

test('mappings become options of the mount, and tell who is root', (t) => {
  const labels = { [UID_LABEL]: '0:100000:65536,70000:1:1', 'containerd.io/snapshot/gidmapping': '0:4294967294:1' };
  t.deepEqual(idMapOptions(labels, undefined), ['uidmap=0:100000:65536,70000:1:1', 'gidmap=0:4294967294:1']);
  t.deepEqual(mappedOwner(labels), { uid: 100_000, gid: 4_294_967_294 });
});

for (const mapping of [
  '',
  '0:0',
  '0:1:x',
  '-1:0:1',
  '0:100000:0',
  '0:4294967295:1',
  '4294967294:0:2',
  '0:1:99999999999',
  '0:1:1,',
]) {
  test(`${JSON.stringify(mapping)} is no mapping`, (t) => {
    for (const use of [
      () => idMapOptions({ [UID_LABEL]: mapping }, undefined),
      () => mappedOwner({ [UID_LABEL]: mapping }),
    ]) {
      const error = t.throws<StatusError>(use, { instanceOf: StatusError });
      t.is(error.code, Code.InvalidArgument);
      t.regex(error.message, /label containerd\.io\/snapshot\/uidmapping/);
    }
  });
}
