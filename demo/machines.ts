/** The machines of the demo: processes on addresses of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface Machine {
  readonly address: string;
  /** As if somebody pulled the plug. */
  unplug(): Promise<void>;
  /** In good order: open requests are answered. */
  shutDown(): Promise<void>;
  /** It takes connections and does nothing, until it is resumed. */
  pause(): void;
  resume(): void;
}

export interface MachineOptions {
  readonly address: string;
  readonly port: number;
  readonly version: string;
  /** With it the machine runs PHP; port and password of the database. */
  readonly database?: { readonly port: number; readonly password: string };
}

const machines = new Set<ChildProcess>();

/** Starts a machine and waits until it listens. Errors: rejects when its address or port is taken. */
export async function startMachine({ address, port, version, database }: MachineOptions): Promise<Machine> {
  const script = new URL('./web-server.ts', import.meta.url).pathname;
  const login = database === undefined ? [] : [String(database.port), database.password];
  const child = spawn(process.execPath, [script, address, String(port), version, ...login], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  machines.add(child);
  const exit = once(child, 'exit');
  const listening = once(child.stdout, 'data').then(() => true);
  if (!(await Promise.race([listening, exit.then(() => false)]))) throw new Error(`${address}:${port} cannot be had`);
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await exit;
    machines.delete(child);
  };
  return {
    address,
    unplug: () => end('SIGKILL'),
    shutDown: () => end('SIGTERM'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
}

/** Ends all that still run. */
export async function stopMachines(): Promise<void> {
  await Promise.all(
    [...machines].map(async (child) => {
      const exit = once(child, 'exit');
      if (child.kill('SIGKILL')) await exit;
    }),
  );
  machines.clear();
}
