/**
 * The two parts of undici that we use: with the others, read by its main module (fetch, WebSocket, caches, mocks), a process is 13 MB larger and starts
 * 50 ms later. It publishes types of the whole only, and its version is pinned.
 */
declare module 'undici/lib/dispatcher/agent.js' {
  export { Agent as default } from 'undici';
}

declare module 'undici/lib/api/api-request.js' {
  import type { Dispatcher } from 'undici';

  /** As the method of Dispatcher. */
  export default function request(
    this: Dispatcher,
    options: Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>;
}
