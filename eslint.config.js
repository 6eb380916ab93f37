import tseslint from 'typescript-eslint';

/** Forbids imports from a directory of this repository, with the reason shown to whoever tries. */
function forbid(...rules) {
  return {
    'no-restricted-imports': ['error', { patterns: rules.map(([regex, message]) => ({ regex, message })) }],
  };
}

const noShim = ['/shim/', 'common/ and snapshotter/ never import shim/.'];
const noSnapshotter = ['/snapshotter/', 'common/ and shim/ never import snapshotter/.'];

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'proto/gen', 'coverage'] },
  ...tseslint.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  // The direction of imports (docs/architecture.md): one block a layer.
  { files: ['common/**/*.ts'], rules: forbid(noShim, noSnapshotter) },
  { files: ['snapshotter/**/*.ts'], rules: forbid(noShim) },
  { files: ['shim/**/*.ts'], rules: forbid(noSnapshotter) },
  {
    files: ['shim/ttrpc/**/*.ts'],
    rules: forbid(noSnapshotter, ['/(task|oci|backends|cli)/', 'shim/ttrpc knows nothing of tasks.']),
  },
  {
    files: ['shim/task/**/*.ts'],
    rules: forbid(noSnapshotter, [
      '/backends/(?!backend\\.ts$)',
      'shim/task reaches a backend only through shim/backends/backend.ts.',
    ]),
  },
  {
    files: ['snapshotter/layerfs/**/*.ts'],
    rules: forbid(noShim, ['/stores/(?!store\\.ts$)', 'layerfs reaches a store only through store.ts.']),
  },
  { files: ['test/**/*.ts', 'packaging/**/*.ts'], rules: { 'no-console': 'off' } },
);
