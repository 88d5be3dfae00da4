// One configuration for every project: ESM TypeScript through swc, workspace packages read from their sources.
import { fileURLToPath } from 'node:url';

export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { configFile: fileURLToPath(new URL('.swcrc.jest', import.meta.url)) }] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironmentOptions: { customExportConditions: ['@flow-mcp/source', 'node', 'node-addons'] },
  testMatch: ['<rootDir>/src/**/*.spec.ts'],
  modulePathIgnorePatterns: ['/dist/'],
  testTimeout: 30_000, // a busy machine is not a failing test
};
