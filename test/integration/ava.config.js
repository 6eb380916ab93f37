// Real containers on this host. One file at a time: what they start, mount and measure shares two cores with the rest.
export default {
  files: ['test/integration/**/*.test.ts'],
  extensions: { ts: 'module' },
  workerThreads: false,
  nodeArguments: ['--import=tsx'],
  concurrency: 1,
  timeout: '3m',
};
