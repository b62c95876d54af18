/** Tells when something below a folder changes. */
import { watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { isYaml } from './folder-files.ts';

export interface FolderWatch {
  /** Watches exactly these folders from now on. */
  follow(folders: readonly string[]): void;
  close(): void;
}

/** What was seen: the path of a file, or undefined for something that asks for a look at everything. */
export type OnChange = (path: string | undefined) => void;

/** Watches nothing yet. A folder that cannot be watched (too many for the system) is reported and looked at by the clock. */
export function createFolderWatch(
  onChange: OnChange,
  onProblem: (folder: string, error: unknown) => void,
): FolderWatch {
  const watchers = new Map<string, FSWatcher>();
  const add = (folder: string) => {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        const change = changeOf(folder, name);
        if (change !== undefined) onChange(change[0]);
      });
      watcher.on('error', () => onChange(undefined));
      watchers.set(folder, watcher);
    } catch (error) {
      onProblem(folder, error);
    }
  };
  return {
    follow(folders) {
      const wanted = new Set(folders);
      for (const [folder, watcher] of watchers) {
        if (wanted.has(folder)) continue;
        watcher.close();
        watchers.delete(folder);
      }
      for (const folder of folders) if (!watchers.has(folder)) add(folder);
    },
    close() {
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** The file meant, `undefined` for what may be a folder or the link by which Kubernetes swaps a mounted folder, or nothing. */
function changeOf(folder: string, name: string | null): readonly [string | undefined] | undefined {
  if (name === null || name.startsWith('..')) return [undefined];
  if (name.startsWith('.')) return undefined;
  return [isYaml(name) ? join(folder, name) : undefined];
}
