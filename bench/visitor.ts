/**
 * One visitor who asks again and again, over one connection. It leaves next to no garbage: to collect it takes both cores for up to
 * 15 ms, which would look like a slow proxy.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { collectGarbage } from '../operator/commands/tidy.ts';

export interface Visitor {
  /** Milliseconds from now to the first answer of that server. */
  untilFirst(server: string): Promise<number>;
  /** Milliseconds from now to the last answer of that server; 0: none came. */
  untilLast(server: string): Promise<number>;
  close(): void;
}

export interface VisitorTarget {
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly path: string;
}

/** Milliseconds without an answer of the old server after which it counts as gone. */
const QUIET = 60;
/** Milliseconds between two requests: a visitor who never rests takes the processor from those whom it measures. */
const REST = 1;
const LIMIT = 10_000;
/** Who answered, as `echo.cfg` says it. */
const SERVER = /^x-server: (\S+)\r$/im;
const GOOD = 'HTTP/1.1 200 ';
const BODY = '\r\n\r\nok';

/** A visitor who has come. */
export async function createVisitor({ address, port, host, path }: VisitorTarget): Promise<Visitor> {
  const socket = connect({ host: address, port, noDelay: true }).setEncoding('latin1');
  await once(socket, 'connect');
  const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  collectGarbage();

  const ask = () =>
    new Promise<string>((resolve, reject) => {
      let answer = '';
      const end = (settle: () => void) => {
        socket.off('data', onData).off('close', onClose);
        settle();
      };
      const onData = (text: string) => {
        answer += text;
        if (!answer.startsWith(GOOD)) end(() => reject(new Error(`the load balancer says: ${answer}`)));
        else if (answer.endsWith(BODY)) end(() => resolve(SERVER.exec(answer)?.[1] ?? ''));
      };
      const onClose = () => end(() => reject(new Error('the load balancer hung up')));
      socket.on('data', onData).once('close', onClose);
      socket.write(request);
    });

  return {
    async untilFirst(server) {
      const begun = performance.now();
      for (;;) {
        const who = await ask();
        const took = performance.now() - begun;
        if (who === server) return took;
        if (took > LIMIT) throw new Error(`${server} never came`);
        await delay(REST);
      }
    },
    async untilLast(server) {
      const begun = performance.now();
      let last = begun;
      for (;;) {
        const who = await ask();
        const now = performance.now();
        if (who === server) last = now;
        if (now - last > QUIET) return last - begun;
        if (now - begun > LIMIT) throw new Error(`${server} never left`);
        await delay(REST);
      }
    },
    close: () => socket.destroy(),
  };
}
