// Debian 13 in QEMU. The first start builds its image, which takes minutes.
export default {
  files: ['test/vm/**/*.test.ts'],
  extensions: { ts: 'module' },
  workerThreads: false,
  nodeArguments: ['--import=tsx'],
  concurrency: 1,
  timeout: '25m',
};
