import test from 'ava';
import fc from 'fast-check';
import { expandCgroupsPath, resolveCgroupsPath } from '../../../shim/oci/cgroups-path.ts';

const path = (written: string) => {
  const expanded = expandCgroupsPath(written);
  return 'path' in expanded ? expanded.path : `expected ${expanded.expected}`;
};

for (const [written, expected] of [
  ['/default/hello', '/default/hello'],
  ['default/hello', '/default/hello'],
  ['/a//b/./c/', '/a/b/c'],
  ['/a/../../../b', '/b'],
  ['../../b', '/b'],
  ['system.slice:docker:1234', '/system.slice/docker-1234.scope'],
  [':docker:1234', '/system.slice/docker-1234.scope'],
  ['-.slice:docker:1234', '/docker-1234.scope'],
  ['machine.slice::1234', '/machine.slice/1234.scope'],
  [
    'kubepods-burstable-podx_y.slice:cri-containerd:c3',
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx_y.slice/cri-containerd-c3.scope',
  ],
  ['a.slice:x:b.slice', '/a.slice/b.slice'],
  ['/a:b:c', '/a:b:c'],
  ['a:b', '/a:b'],
  ['/', 'expected a cgroup of its own, not the root'],
  ['..', 'expected a cgroup of its own, not the root'],
  ['/a\nb', 'expected names of at most 255 bytes without control characters'],
  [`/${'ü'.repeat(128)}`, 'expected names of at most 255 bytes without control characters'],
  ['a.slice:b', 'expected the form slice:prefix:name'],
  ['a.slice:b:', 'expected the form slice:prefix:name'],
  ['a.slice:b:c:d', 'expected the form slice:prefix:name'],
  ['a.slice:../..:c', 'expected the form slice:prefix:name'],
  ['a.slice:b:../../c', 'expected the form slice:prefix:name'],
  ['-a.slice:b:c', 'expected a slice without leading, trailing or double dash'],
  ['a--b.slice:b:c', 'expected a slice without leading, trailing or double dash'],
  ['.slice:b:c', 'expected a slice without leading, trailing or double dash'],
] as const) {
  test(`${JSON.stringify(written.slice(0, 60))} is ${expected}`, (t) => {
    t.is(path(written), expected);
  });
}

test('systemd is told slice and unit', (t) => {
  t.deepEqual(expandCgroupsPath('a-b.slice:docker:1'), {
    path: '/a.slice/a-b.slice/docker-1.scope',
    systemd: { slice: 'a-b.slice', unit: 'docker-1.scope' },
  });
});

test('without a path, namespace and id make one', (t) => {
  t.is(resolveCgroupsPath(undefined, 'k8s.io', 'x'), '/k8s.io/x');
  t.is(resolveCgroupsPath('a/b', 'k8s.io', 'x'), '/a/b');
});

test('no value leaves the hierarchy, and a path is its own expansion', (t) => {
  const part = fc.constantFrom('..', '.', '', 'a', '-', '.slice', 'x.slice', ':', '/', 'b-c.slice');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(part).map((parts) => parts.join('')),
        fc.string(),
      ),
      (written) => {
        const expanded = expandCgroupsPath(written);
        if (!('path' in expanded)) return;
        t.regex(expanded.path, /^(\/(?!\.{0,2}(\/|$))[^/]+)+$/);
        t.is(path(expanded.path), expanded.path);
      },
    ),
    { numRuns: 1000 },
  );
});
