import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that is started again when it ends, as a kubelet would. */
export interface Container {
  readonly pid: number;
  readonly starts: number;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Ends it and lets it stay ended. */
  end(signal?: NodeJS.Signals): Promise<void>;
  start(): void;
  /** Ends it in peace and starts it anew, as a roll-out would: what it holds for itself, it lets go first. */
  restart(): Promise<void>;
  /** Silence: nothing is done or answered, connections stay open. */
  freeze(): void;
  thaw(): void;
}

const AFTER_CRASH = 50;

/** What runs in a container ends with its first process, and with us, however we end. */
const IN_CONTAINER = 'exec 3<&0; { cat <&3; kill -KILL 0; } >/dev/null 2>&1 & exec "$@" 3<&- </dev/null';

export interface ContainerOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Descriptor of the file for both its outputs. */
  readonly log: number;
}

/** Starts the first process of a container: its process group is the container. */
export function createContainer(command: readonly string[], { log, ...options }: ContainerOptions): Container {
  const launch = () =>
    spawn('sh', ['-c', IN_CONTAINER, 'container', ...command], {
      ...options,
      detached: true,
      stdio: ['pipe', log, log],
    });
  let wanted = true;
  let starts = 0;
  let child: ChildProcess;
  const start = () => {
    wanted = true;
    starts += 1;
    child = launch();
    child.once('exit', () => {
      if (wanted) void delay(AFTER_CRASH).then(() => wanted && start());
    });
  };
  start();
  const ended = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    // What ends in a container by force takes all that runs in it along.
    if (signal === 'SIGKILL') process.kill(-(child.pid ?? 0), signal);
    else child.kill(signal);
    await gone;
  };
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    wanted = false;
    await ended(signal);
  };
  return {
    get pid() {
      return child.pid ?? 0;
    },
    get starts() {
      return starts;
    },
    kill: () => ended('SIGKILL'),
    end,
    start,
    async restart() {
      await end();
      start();
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  };
}
