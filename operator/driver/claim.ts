/** A folder of our own: the kernel keeps the claim, so it ends with the process however that ends, and no file of it is left behind. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';

/** A claim on a folder. */
export interface Claim {
  release(): Promise<void>;
}

/**
 * Claims the folder that is there now, by whatever name it is called; undefined when another process has it.
 * Errors: rejects when there is no such folder.
 * Source: unix(7), "abstract": a name without a file, for one process at a time.
 */
export async function claimFolder(folder: string): Promise<Claim | undefined> {
  const { dev, ino } = await stat(folder, { bigint: true });
  const name = createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  server.once('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
  );
  server.listen({ path: `\0webpool-${name}` }, () => resolve(true));
  server.unref();
  if (!(await promise)) return undefined;
  return { release: () => new Promise((done) => void server.close(() => done())) };
}
