import { readFile } from 'node:fs/promises';
import { exec } from '../../../common/exec.ts';

/** The mirror from which this host, Debian too, gets its own packages: another suite of it is on the same one. */
export async function aptMirror(): Promise<string> {
  const codename = /^VERSION_CODENAME=(.+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  const listed = await exec(
    'apt-get',
    ['indextargets', '--format', '$(COMPONENT) $(RELEASE) $(REPO_URI)', 'Created-By: Packages'],
    { timeoutMs: 30_000 },
  );
  for (const line of listed.split('\n')) {
    const [component, release, uri] = line.split(' ');
    if (component === 'main' && release === codename && uri !== undefined) return uri;
  }
  throw new Error(
    `apt-get has no source for ${codename ?? 'this release'} main. The VM's packages come from the mirror of this host: ` +
      'add it to /etc/apt/sources.list and try again.',
  );
}

/** How this host reaches its mirror, as options for another apt. */
export async function aptTransport(): Promise<string[]> {
  const dump = await exec('apt-config', ['dump', '--no-empty'], { timeoutMs: 30_000 });
  return dump.split('\n').filter((line) => /^Acquire::https?::[^ ]*(?:Proxy|CaInfo|Verify)[^ ]* /i.test(line));
}
