/** A web server on every address of its network, which tells in `X-Server` at which one it was reached. */
import { HAPROXY } from '../test/support/haproxy.ts';

/** How to start it. */
export function echoServer(port: number) {
  const config = new URL('./echo.cfg', import.meta.url).pathname;
  return { command: HAPROXY, args: ['-db', '-f', config], env: { PORT: String(port) } };
}
