import { Containerd, type ContainerdOptions } from '../support/containerd.ts';

/** Measures in a containerd of its own, which Ctrl-C ends as well. */
export async function inContainerd<T>(
  options: ContainerdOptions,
  measure: (containerd: Containerd) => Promise<T>,
): Promise<T> {
  const containerd = await Containerd.start(options);
  const interrupted = () => void containerd.stop().then(() => process.exit(130));
  process.once('SIGINT', interrupted);
  try {
    return await measure(containerd);
  } finally {
    process.off('SIGINT', interrupted);
    await containerd.stop();
  }
}
