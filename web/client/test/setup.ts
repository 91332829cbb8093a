import { binary } from '../../testkit/server.js'

/** Builds the server once for all test files, which run in processes of their own. */
export default async function setup() {
  process.env.CORRILLO_BINARY = await binary()
}
