/** The YAML files below a folder: a look reads what changed since the last one, and only once its writer has finished. */
import type { BigIntStats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** What a look at the folder found. */
export interface Look {
  /** Path relative to the folder → text. A file that could not be read keeps the text of the last look. */
  readonly files: ReadonlyMap<string, string>;
  /** Path → why it could not be read. */
  readonly unreadable: ReadonlyMap<string, string>;
  /** Every folder, absolute, the root first. */
  readonly folders: readonly string[];
  /** Something is being written at the moment: look again soon. */
  readonly unfinished: boolean;
}

/** Looks at a folder again and again. Errors: rejects when the folder itself cannot be listed. */
export interface FolderFiles {
  /** `paths` (absolute) limits the look to files that are known to have changed. */
  look(paths?: ReadonlySet<string>): Promise<Look>;
}

interface Entry {
  readonly signature: string;
  readonly text?: string;
  readonly problem?: string;
}

const YAML = /\.(?:ya?ml|json)$/;
/** Instructions for kustomize, not objects. */
const NOT_OURS = /(?:^|\/)kustomization\.ya?ml$/;
const LARGEST_FILE = 64 * 1024 * 1024;
const DEEPEST = 32;
const PARALLEL = 32;
/** Nanoseconds for which a file must not have been written in place before it is read. */
const SETTLE = 15_000_000n;

/** The files below `root`, of which none was read yet. */
export function createFolderFiles(root: string): FolderFiles {
  const entries = new Map<string, Entry>();
  let folders: readonly string[] = [];
  let unfinished = false;

  const refresh = async (path: string) => {
    const before = entries.get(path);
    try {
      const found = await stat(path, { bigint: true });
      const signature = signatureOf(found);
      if (before?.signature === signature) return;
      if (!found.isFile()) entries.delete(path);
      else if (isBeingWritten(found)) unfinished = true;
      else entries.set(path, { signature, ...(await read(path, found)) });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') entries.delete(path);
      else entries.set(path, { signature: '', problem: message, ...(before?.text && { text: before.text }) });
    }
  };
  /** A writer that began while we read leaves the old text in force. */
  const read = async (path: string, found: BigIntStats): Promise<Pick<Entry, 'text' | 'problem'>> => {
    if (found.size > LARGEST_FILE) return { problem: 'is larger than 64 MiB' };
    const text = await readFile(path, 'utf8');
    const after = await stat(path, { bigint: true });
    if (signatureOf(after) === signatureOf(found)) return { text };
    unfinished = true;
    const before = entries.get(path)?.text;
    return before === undefined ? {} : { text: before };
  };

  return {
    async look(paths) {
      unfinished = false;
      const wanted = paths === undefined ? await walk(root) : { folders, files: [...paths].filter(isYaml) };
      folders = wanted.folders;
      if (paths === undefined) {
        const there = new Set(wanted.files);
        for (const path of entries.keys()) if (!there.has(path)) entries.delete(path);
      }
      await inParallel(wanted.files, refresh);
      return { ...textsOf(root, entries), folders, unfinished };
    },
  };
}

function signatureOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

/**
 * Nobody tells when a writer has finished. A file that was moved here after its last write is complete: renaming sets
 * ctime alone. Any other has to be left in peace for a moment.
 */
function isBeingWritten({ mtimeNs, ctimeNs }: BigIntStats): boolean {
  const age = BigInt(Date.now()) * 1_000_000n - mtimeNs;
  return ctimeNs <= mtimeNs && age >= 0n && age < SETTLE;
}

/** Whether the name is that of a file we read. */
export function isYaml(path: string): boolean {
  return YAML.test(path) && !NOT_OURS.test(path);
}

interface Tree {
  readonly folders: string[];
  readonly files: string[];
}

/** Everything below the folder whose name does not begin with a dot. Links are followed, in circles only once. */
async function walk(root: string): Promise<Tree> {
  const tree: Tree = { folders: [], files: [] };
  const seen = new Set<string>();
  const enter = async (folder: string, depth: number): Promise<void> => {
    const { dev, ino } = await stat(folder, { bigint: true });
    if (seen.has(`${dev}:${ino}`) || depth > DEEPEST) return;
    seen.add(`${dev}:${ino}`);
    tree.folders.push(folder);
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(folder, entry.name);
      const isFolder = entry.isDirectory() || (entry.isSymbolicLink() && (await leadsToFolder(path)));
      if (isFolder) await enter(path, depth + 1);
      else if (isYaml(path)) tree.files.push(path);
    }
  };
  await enter(root, 0);
  return tree;
}

async function leadsToFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function textsOf(root: string, entries: ReadonlyMap<string, Entry>): Pick<Look, 'files' | 'unreadable'> {
  const files = new Map<string, string>();
  const unreadable = new Map<string, string>();
  for (const path of [...entries.keys()].sort()) {
    const { text, problem } = entries.get(path) ?? {};
    const name = relative(root, path);
    if (text !== undefined) files.set(name, text);
    if (problem !== undefined) unreadable.set(name, problem);
  }
  return { files, unreadable };
}

/** Calls `work` for each item, a few at a time. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const item = items[next] as T;
      next += 1;
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
}
