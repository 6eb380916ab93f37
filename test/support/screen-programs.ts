import type { Tmux } from './tmux.ts';

/** Uses programs that draw on the whole screen, in a shell: top and vi, whose file /tmp/note has `some words` then. */
export async function useScreenPrograms(tmux: Tmux): Promise<void> {
  await tmux.enter('top');
  await tmux.shows(/Mem:[\s\S]*PID/);
  await tmux.press('q');
  await tmux.enter('vi /tmp/note');
  await tmux.shows(/~\n~\n/);
  await tmux.type('isome words');
  await tmux.press('Escape');
  await tmux.enter(':wq');
  await tmux.enter('cat /tmp/note');
  await tmux.shows(/\nsome words\n/);
}
