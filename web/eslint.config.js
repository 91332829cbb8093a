import hooks from 'eslint-plugin-react-hooks'
import ts from 'typescript-eslint'

export default ts.config(
  { ignores: ['**/dist/', '**/.next/', '**/generated/', '**/next-env.d.ts', '**/.data/'] },
  { files: ['**/*.js', '**/*.mjs'], extends: [ts.configs.base], rules: { 'no-unused-vars': 'error', 'no-undef': 'off', 'prefer-const': 'error' } },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [ts.configs.recommended, hooks.configs.flat.recommended],
    rules: {
      // Payloads that the app alone knows are any, so that its handlers type-check.
      '@typescript-eslint/no-explicit-any': 'off',
      // A leading underscore says that a name is there for its place alone.
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' }],
    },
  },
)
