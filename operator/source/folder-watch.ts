/** Tells when something below a folder changes. */
import { watch, type FSWatcher } from 'node:fs';
import { basename, join } from 'node:path';
import { isFolder, isYaml } from './folder-files.ts';

export interface FolderWatch {
  /** `id` is a word for what lies there: another folder of the same name has another. */
  add(folder: string, id: string): void;
  /** Lets go of all others: path → id. */
  keep(folders: ReadonlyMap<string, string>): void;
  close(): void;
}

/** What was heard of a file last: its name came or went, or something was done to it under that name. */
export type News = 'Named' | 'Written';

/** What was seen: the path of a file, or undefined for something that asks for a look at everything. */
export type OnChange = (path: string | undefined, news?: News) => void;

/** Milliseconds: a name that may be a folder's is looked at behind the files that are told with it. */
const AFTER_FILES = 10;

/** Watches nothing yet. A folder that cannot be watched (too many for the system) is reported once, and looked at by the clock. */
export function createFolderWatch(
  onChange: OnChange,
  onProblem: (folder: string, error: unknown) => void,
): FolderWatch {
  const watchers = new Map<string, { readonly id: string; readonly watcher: FSWatcher }>();
  /** Folders that could not be watched: each look tries again. */
  const unwatched = new Set<string>();
  const notice = (event: string, folder: string, name: string | null) => {
    // `..data` is the link by which Kubernetes swaps all files of a mounted folder.
    if (name === null || name.startsWith('..')) return onChange(undefined);
    if (name.startsWith('.')) return;
    const path = join(folder, name);
    if (isYaml(name)) onChange(path, event === 'rename' ? 'Named' : 'Written');
    // Under its own name a folder tells that it was moved itself.
    else if (watchers.has(path) || name === basename(folder)) onChange(undefined);
    // What comes, goes or moves is a `rename`, a folder too. It is no file that anybody waits for, but one that is being moved may be next to it.
    else if (event === 'rename') setTimeout(lookAtOther, AFTER_FILES, path);
  };
  const lookAtOther = (path: string) => {
    if (isFolder(path)) onChange(undefined);
  };
  const add = (folder: string, id: string) => {
    const before = watchers.get(folder);
    if (before?.id === id) return;
    before?.watcher.close();
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => notice(event, folder, name));
      watcher.on('error', () => onChange(undefined));
      watchers.set(folder, { id, watcher });
      unwatched.delete(folder);
    } catch (error) {
      if (!unwatched.has(folder)) onProblem(folder, error);
      unwatched.add(folder);
    }
  };
  return {
    add,
    keep(folders) {
      for (const [folder, { id, watcher }] of watchers) {
        if (folders.get(folder) === id) continue;
        watcher.close();
        watchers.delete(folder);
      }
      for (const folder of unwatched) if (!folders.has(folder)) unwatched.delete(folder);
    },
    close() {
      for (const { watcher } of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}
