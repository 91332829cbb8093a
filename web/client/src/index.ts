/**
 * `@corrillo/client`: one user's chat in a browser, without a framework.
 */
export type * from './api.js'
export type * from './protocol.js'
export { ChatError } from './error.js'
export { createChat } from './registry.js'
export { forgetAll } from './storage.js'
