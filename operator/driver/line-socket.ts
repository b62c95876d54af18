/** A unix socket that a program writes lines to. */
import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface LineSocket {
  close(): Promise<void>;
}

/** Listens at `path`, in place of whoever did before, and gives each line. */
export async function listenForLines(path: string, onLine: (line: string) => void): Promise<LineSocket> {
  await rm(path, { force: true });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    // Whoever writes connects again.
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    createInterface({ input: socket, crlfDelay: Infinity }).on('line', onLine);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(path, resolve);
  });
  return {
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
