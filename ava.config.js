export default {
  files: ['test/unit/**/*.test.ts'],
  extensions: { ts: 'module' },
  workerThreads: false,
  nodeArguments: ['--import=tsx'],
  timeout: '60s',
};
