import test from 'ava';
import fc from 'fast-check';
import * as kernel from '../../../shim/oci/mount-flags.ts';
import { isKnownMountOption, KNOWN_MOUNT_OPTIONS, parseMountOptions } from '../../../shim/oci/mount-options.ts';

const NOTHING = {
  flags: 0,
  clearedFlags: 0,
  propagation: [],
  recursiveSet: 0,
  recursiveClear: 0,
  tmpcopyup: false,
  idmap: undefined,
  data: '',
};

/** The table of config.md, Linux mount options. */
const OF_THE_SPECIFICATION =
  'async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec ' +
  'noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime ' +
  'remount rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro ' +
  'rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync ' +
  'tmpcopyup unbindable idmap ridmap';

test('every option that the specification lists is known', (t) => {
  const listed = [...OF_THE_SPECIFICATION.split(' '), 'rnodev'].sort();
  t.deepEqual(KNOWN_MOUNT_OPTIONS, listed);
  for (const option of listed) t.is(parseMountOptions([option]).data, '', option);
});

for (const [options, expected] of [
  [
    ['nosuid', 'noexec', 'nodev', 'ro'],
    { flags: kernel.MS_NOSUID | kernel.MS_NOEXEC | kernel.MS_NODEV | kernel.MS_RDONLY },
  ],
  [
    ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    { flags: kernel.MS_NOSUID | kernel.MS_STRICTATIME, data: 'mode=755,size=65536k' },
  ],
  [['rbind', 'rprivate'], { flags: kernel.MS_BIND | kernel.MS_REC, propagation: [kernel.MS_PRIVATE | kernel.MS_REC] }],
  [['bind', 'slave', 'shared'], { flags: kernel.MS_BIND, propagation: [kernel.MS_SLAVE, kernel.MS_SHARED] }],
  [['ro', 'rw'], { clearedFlags: kernel.MS_RDONLY }],
  [['rw', 'ro'], { flags: kernel.MS_RDONLY }],
  [['exec', 'suid', 'dev'], { clearedFlags: kernel.MS_NOEXEC | kernel.MS_NOSUID | kernel.MS_NODEV }],
  [['rro', 'rnosuid', 'rsuid'], { recursiveSet: kernel.MOUNT_ATTR_RDONLY, recursiveClear: kernel.MOUNT_ATTR_NOSUID }],
  [['rnoatime'], { recursiveSet: kernel.MOUNT_ATTR_NOATIME, recursiveClear: kernel.MOUNT_ATTR__ATIME }],
  [
    ['rnoatime', 'rstrictatime'],
    { recursiveSet: kernel.MOUNT_ATTR_STRICTATIME, recursiveClear: kernel.MOUNT_ATTR__ATIME },
  ],
  [['rrelatime'], { recursiveClear: kernel.MOUNT_ATTR__ATIME }],
  [['tmpcopyup'], { tmpcopyup: true }],
  [['ridmap', 'idmap'], { idmap: 'idmap' }],
  [['defaults'], {}],
  [['acl', 'Ro', '', 'lowerdir=/a:/b'], { data: 'acl,Ro,,lowerdir=/a:/b' }],
  [['__proto__', 'constructor'], { data: '__proto__,constructor' }],
] as const) {
  test(`sorts ${options.join(' ')}`, (t) => {
    t.deepEqual(parseMountOptions(options), { ...NOTHING, ...expected } as never);
  });
}

const option = fc.oneof(fc.constantFrom(...KNOWN_MOUNT_OPTIONS), fc.string());

test('no flag is both set and cleared, and the kernel takes the attributes', (t) => {
  fc.assert(
    fc.property(fc.array(option), (options) => {
      const { flags, clearedFlags, recursiveSet, recursiveClear } = parseMountOptions(options);
      t.is(flags & clearedFlags, 0);
      // mount_setattr(2): other bits are in one of the two at most; an access time needs the whole mask cleared.
      t.is(recursiveSet & recursiveClear & ~kernel.MOUNT_ATTR__ATIME, 0);
      const atime = recursiveSet & kernel.MOUNT_ATTR__ATIME;
      t.true([0, kernel.MOUNT_ATTR_NOATIME, kernel.MOUNT_ATTR_STRICTATIME].includes(atime));
      t.true([0, kernel.MOUNT_ATTR__ATIME].includes(recursiveClear & kernel.MOUNT_ATTR__ATIME));
      if (atime !== 0) t.is(recursiveClear & kernel.MOUNT_ATTR__ATIME, kernel.MOUNT_ATTR__ATIME);
    }),
  );
});

test('unknown options are the data, in order', (t) => {
  fc.assert(
    fc.property(fc.array(option), (options) => {
      t.is(parseMountOptions(options).data, options.filter((o) => !isKnownMountOption(o)).join(','));
    }),
  );
});

test('an option given twice is the same as once', (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...KNOWN_MOUNT_OPTIONS), (name) => {
      const { propagation, ...once } = parseMountOptions([name]);
      const { propagation: twice, ...rest } = parseMountOptions([name, name]);
      t.deepEqual(rest, once);
      t.is(twice.length, propagation.length * 2);
    }),
  );
});
