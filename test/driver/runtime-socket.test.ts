import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHaproxyProcess } from '../../operator/driver/haproxy-process.ts';
import {
  createRuntimeSocket,
  RuntimeSocketError,
  runCommands,
  runMasterCommand,
  type RuntimeSocket,
} from '../../operator/driver/runtime-socket.ts';

let folder: string;
let path: string;
let server: Server | undefined;
let connections = 0;
const open = new Set<Socket>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'webpool-socket-'));
  path = join(folder, 'master.sock');
});
afterEach(async () => {
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
  connections = 0;
  await rm(folder, { recursive: true, force: true });
});

/** A HAProxy that answers as it is told to once it has received `until`. */
async function haproxy(until: RegExp, answer: (socket: Socket) => void): Promise<void> {
  server = createServer((socket) => {
    open.add(socket);
    connections += 1;
    let received = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received += String(chunk);
      if (until.test(received)) answer(socket);
    });
  });
  await new Promise<void>((resolve) => {
    server?.listen(path, resolve);
  });
}

/** In pieces, as a busy HAProxy might. */
const inPieces = (text: string) => (socket: Socket) => {
  const pieces = text.match(/[^]{1,3}/g) ?? [];
  const next = () => {
    const piece = pieces.shift();
    if (piece !== undefined) socket.write(piece, () => setImmediate(next));
  };
  next();
};

describe('commands', () => {
  it('have an answer each, whatever pieces they come in', async () => {
    await haproxy(/two\n$/, inPieces('\n> first line\nsecond line\n\n> \n> '));
    expect(await runCommands(path, ['one', 'two'])).toEqual(['first line\nsecond line', '']);
  });

  it('with a payload are answered behind its prompts', async () => {
    await haproxy(/\n\n$/, inPieces('\n> \n+ + + Unknown map.\n\n> '));
    expect(await runCommands(path, ['add map @1 m <<\na b\nc d\n'])).toEqual(['Unknown map.']);
  });

  it('of none need no socket', async () => {
    expect(await runCommands(path, [])).toEqual([]);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['closes without a word', (socket) => socket.end()],
    ['closes in the middle of an answer', (socket) => socket.end('\n> first\n\n> sec')],
    ['closes before the last prompt', (socket) => socket.end('\n> first\n\n> second\n')],
    ['is reset', (socket) => socket.destroy()],
    ['says nothing', () => undefined],
    ['stops in the middle', (socket) => void socket.write('\n> first\n\n> sec')],
  ])('to a HAProxy that %s fail', async (_, answer) => {
    await haproxy(/two\n$/, answer);
    await expect(runCommands(path, ['one', 'two'], { timeout: 200 })).rejects.toMatchObject({
      name: 'RuntimeSocketError',
      absent: false,
    });
  });

  it('to a HAProxy that is not there fail, and say so', async () => {
    await expect(runCommands(path, ['one'])).rejects.toMatchObject({ absent: true });
    await expect(runCommands(path, ['one'])).rejects.toThrow(RuntimeSocketError);
  });
});

describe('exchanges that follow one another', () => {
  /** Answers each line with itself, as HAProxy answers in prompt mode. */
  const echo = () =>
    new Promise<void>((resolve) => {
      server = createServer((socket) => {
        open.add(socket);
        connections += 1;
        socket.on('error', () => undefined);
        socket.on('data', (chunk) => {
          const lines = String(chunk).split('\n').slice(0, -1);
          socket.write(lines.map((line) => (line === 'prompt' ? '\n> ' : `${line}\n\n> `)).join(''));
        });
      }).listen(path, resolve);
    });
  const closed = async () => {
    const [socket] = open;
    if (socket !== undefined && !socket.closed) await once(socket, 'close');
  };
  beforeEach(() => open.clear());
  const LONG = { life: 60_000 };

  it('share a connection', async () => {
    await echo();
    const socket = createRuntimeSocket(path, LONG);
    for (const command of ['one', 'two', 'three']) expect(await socket.run([command])).toEqual([command]);
    expect(connections).toBe(1);
    socket.renew();
    await closed();
  });

  it('do not share one at the same time', async () => {
    await echo();
    const socket = createRuntimeSocket(path, LONG);
    const answers = await Promise.all(['one', 'two'].map((command) => socket.run([command])));
    expect(answers).toEqual([['one'], ['two']]);
    expect(connections).toBe(2);
    expect(await socket.run(['three'])).toEqual(['three']);
    expect(connections).toBe(2);
  });

  it.each<[string, (socket: RuntimeSocket) => unknown, number?]>([
    ['after a renewal', (socket) => socket.renew()],
    ['after its life', closed, 50],
    ['after HAProxy has closed the one before', () => [...open].map((socket) => socket.end()) && closed()],
    ['after a word that nobody asked for', () => [...open].map((socket) => socket.write('late\n\n> ')) && closed()],
    ['after a payload', (socket) => socket.run(['add map @1 m <<\na b\n'])],
  ])('get a new one %s', async (_, happens, life = LONG.life) => {
    await echo();
    const socket = createRuntimeSocket(path, { life });
    expect(await socket.run(['one'])).toEqual(['one']);
    await happens(socket);
    await closed();
    expect(await socket.run(['two', 'three'])).toEqual(['two', 'three']);
    expect(connections).toBe(2);
  });

  it('get a new one when it was renewed meanwhile', async () => {
    await echo();
    const socket = createRuntimeSocket(path, LONG);
    const answers = socket.run(['one']);
    socket.renew();
    expect(await answers).toEqual(['one']);
    expect(await socket.run(['two'])).toEqual(['two']);
    expect(connections).toBe(2);
  });

  it('fail when it breaks between question and answer: nobody knows what was done', async () => {
    let asked = 0;
    await haproxy(/\n$/, (socket) => (asked++ === 0 ? socket.write('\n> first\n\n> ') : socket.destroy()));
    const socket = createRuntimeSocket(path, LONG);
    expect(await socket.run(['one'])).toEqual(['first']);
    await expect(socket.run(['two'])).rejects.toThrow('closed before the whole answer');
    expect(connections).toBe(1);
  });
});

describe('a command of the master', () => {
  it('is answered until the end', async () => {
    await haproxy(/quit\n$/, (socket) => {
      inPieces('10 master 0\n# workers\n')(socket);
      setTimeout(() => socket.end(), 50);
    });
    expect(await runMasterCommand(path, 'show proc')).toBe('10 master 0\n# workers\n');
  });
});

describe('a HAProxy that is there and says nothing', () => {
  it('is not taken for one that is not there', async () => {
    await haproxy(/quit\n$/, (socket) => socket.end());
    const haproxyProcess = createHaproxyProcess({
      binary: '/bin/false',
      folder,
      onLine: () => undefined,
      onExit: () => undefined,
    });
    let prepared = false;
    const ensured = haproxyProcess.ensure(async () => {
      prepared = true;
    });
    await expect(ensured).rejects.toThrow('show proc');
    expect(prepared).toBe(false);
  });
});
