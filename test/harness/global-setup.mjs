import { register } from 'node:module';

// Jest loads its global setup with plain Node, outside its own transforms.
register('@swc-node/register/esm', import.meta.url);

/** One PostgreSQL for the whole run, in a folder of its own; it ends with this process, however that ends. */
export default async function setUp() {
  const { removeOrphans } = await import('./process.ts');
  const { startSharedPostgres } = await import('./postgres.ts');
  removeOrphans();
  globalThis.authgraphTestPostgres = await startSharedPostgres();
}
