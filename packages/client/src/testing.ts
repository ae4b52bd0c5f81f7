export {
  createMint,
  type Mint,
  type MintAlgorithm,
  type MintedClaims,
  type MintOptions,
} from './testing/mint.js';
export { startFakeAuth, type FakeAuth, type FakeAuthOptions, type FakeService } from './testing/service.js';
export type { FakeFeed, FakeRevocation } from './testing/feed.js';
