// Real containers on this host. One file at a time: what they start, mount and measure shares two cores with the rest.
export default {
  // What is in in-vm needs more than a Debian 12 has: test/vm runs it.
  files: ['test/integration/**/*.test.ts', '!test/integration/in-vm/**'],
  extensions: { ts: 'module' },
  workerThreads: false,
  nodeArguments: ['--import=tsx'],
  concurrency: 1,
  timeout: '3m',
};
