// Other people's test suites, against what this project serves: one at a time, since each fills both cores by itself.
export default {
  files: ['test/conformance/**/*.test.ts'],
  extensions: { ts: 'module' },
  workerThreads: false,
  nodeArguments: ['--import=tsx'],
  concurrency: 1,
  timeout: '10m',
};
