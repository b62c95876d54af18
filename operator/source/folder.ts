/** A folder of YAML as a source: files in, statuses out to its `.status` folder. */
import { createHmac, randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import { wasInForce } from '../api/admission.ts';
import type { Key, Kind } from '../api/resources.ts';
import { createValidator } from '../api/validate.ts';
import { withValues } from '../api/patched-map.ts';
import { changedKeys } from '../api/stable.ts';
import type { RegisterFile } from './collect.ts';
import { canonicalText } from './content-hash.ts';
import { readSchemas } from './schemas.ts';
import { readDocuments } from './documents.ts';
import { createFolderFiles, type Look } from './folder-files.ts';
import { createFolderWatch, type News } from './folder-watch.ts';
import { createRegister } from './register.ts';
import type { Log, Source } from './source.ts';
import { openStatusFiles, type StatusFiles } from './status-files.ts';

/** A source that reads a folder. */
export interface FolderSource extends Source {
  /** Where an object, or a place in it, is written. */
  find(kind: Kind, key: Key, path?: string): { readonly file: string; readonly line: number } | undefined;
  /** As if everything might have changed. */
  lookAgain(): void;
  close(): Promise<void>;
}

export interface FolderSourceOptions {
  readonly folder: string;
  readonly log: Log;
  /** Certificates that an earlier process had in force: what stands in place of a Secret that is bad from the start. */
  readonly rememberedSecret?: (secret: Key) => ReadonlyMap<string, string>;
  /** false: statuses are neither read nor written, and nobody waits for changes. Default: true. */
  readonly live?: boolean;
}

const NO_GAP = () => Promise.resolve();
/** Milliseconds after which a file that is being written is looked at again. */
const UNFINISHED = 5;
/** Milliseconds after which it is looked whether a missing file is there again. */
const MISSING = 100;
/** Milliseconds for which an offline look waits for writers. */
const LONGEST_WRITING = 10_000;
/** Milliseconds after which a folder that is lost is looked at again. */
const UNREADABLE = 1_000;
/** Milliseconds between two looks at everything: for file systems that do not tell of changes, such as NFS. */
const LOOK_AROUND = 30_000;
/** Milliseconds between two looks at what lies at the name of the folder. */
const LOOK_AT_PLACE = 1_000;

/** The source for a folder. Errors: rejects when its status cannot be kept; `read` rejects when it cannot be listed. */
export async function createFolderSource(options: FolderSourceOptions): Promise<FolderSource> {
  const { folder, log, live = true } = options;
  const root = resolve(folder);
  const validate = createValidator(await readSchemas());
  const files = createFolderFiles(root, (path, id) => live && watch.add(path, id));
  const statuses: StatusFiles | undefined = live ? await openStatusFiles(join(root, '.status')) : undefined;
  const secretKey = randomBytes(32);
  const register = createRegister({
    rememberedRevision: (kind, key) => statuses?.revisionOf(kind, key),
    servedBefore: (kind, key) => wasInForce(statuses?.statusOf(kind, key)),
    rememberedSecret: (secret) => options.rememberedSecret?.(secret) ?? new Map(),
    secretVersion: (values) =>
      createHmac('sha256', secretKey)
        .update(canonicalText([...values]))
        .digest('hex'),
  });
  const watch = createFolderWatch(noteChange, (path, error) =>
    log.warn({ path, why: (error as Error).message }, 'cannot watch a folder: it is looked at every 30 s'),
  );
  /** What the files said when they were read last, and what that means. */
  let texts: ReadonlyMap<string, string> = new Map();
  let parsed: ReadonlyMap<string, RegisterFile> = new Map();
  /** What was heard of files since the last look; undefined = anything may have changed. */
  let dirty: Map<string, News> | undefined;
  let wake = () => {};
  let timer: NodeJS.Timeout | undefined;
  let searching: NodeJS.Timeout | undefined;
  const everything = live ? setInterval(() => noteChange(undefined), LOOK_AROUND) : undefined;
  everything?.unref();
  let looksAtPlace = false;
  const place = live ? setInterval(() => void lookAtPlace(), LOOK_AT_PLACE) : undefined;
  place?.unref();

  async function lookAtPlace(): Promise<void> {
    // One at a time: a file server that hangs must not take every thread.
    if (looksAtPlace) return;
    looksAtPlace = true;
    if (await files.isElsewhere()) noteChange(undefined);
    looksAtPlace = false;
  }

  function noteChange(path: string | undefined, news: News = 'Written'): void {
    if (path === undefined) dirty = undefined;
    else dirty?.set(path, news);
    wake();
  }

  /** What is being written is looked at again, and so is what changed while we looked. */
  const look = async (): Promise<Look> => {
    // One write is often told in parts: all that was told at once is heard first.
    await setImmediate();
    const told = dirty;
    dirty = new Map();
    try {
      const found = await files.look(told, (path) => dirty?.has(path) !== false);
      if (live) watch.keep(found.folders);
      if (found.lost) lookLater();
      if (found.missing) {
        clearTimeout(searching);
        searching = setTimeout(() => wake(), MISSING);
      }
      if (found.unfinished) {
        timer = setTimeout(() => {
          if (told === undefined) dirty = undefined;
          for (const path of told?.keys() ?? []) dirty?.set(path, dirty.get(path) ?? 'Written');
          wake();
        }, UNFINISHED);
      }
      return found;
    } catch (error) {
      lookLater();
      throw error;
    }
  };

  function lookLater(): void {
    dirty = undefined;
    if (live) timer = setTimeout(() => wake(), UNREADABLE);
  }

  /** Who looks only once has to wait for whoever writes. */
  const lookWhenFinished = async (): Promise<Look> => {
    const limit = performance.now() + LONGEST_WRITING;
    for (;;) {
      const found = await files.look();
      if (!found.unfinished) return found;
      if (performance.now() > limit) throw new Error('files in it are written all the time');
      await delay(UNFINISHED);
    }
  };

  return {
    async read() {
      const { files: found, unreadable, unknown } = await (live ? look() : lookWhenFinished());
      parsed = parseAll(found);
      texts = found;
      if (unreadable.size === 0 && unknown.size === 0) return register.update(parsed);
      const all = new Map<string, RegisterFile>(parsed);
      for (const [file, reason] of unreadable) {
        all.set(file, { documents: parsed.get(file)?.documents ?? [], unreadable: reason });
      }
      for (const file of unknown) all.set(file, { documents: [], unknown: true });
      return register.update(all);
    },
    changes(onChange) {
      wake = onChange;
      return () => {
        wake = () => {};
      };
    },
    secretValue: (secret, key) => register.secretValue(secret, key),
    async writeStatus(changed, all, { errors, gap = NO_GAP }) {
      await statuses?.write({ changed, all, specOf: (kind, key) => register.specOf(kind, key), gap });
      await statuses?.writeErrors(errors);
    },
    statusOf: (kind, key) => statuses?.statusOf(kind, key),
    find: (kind, key, path) => register.find(kind, key, path),
    lookAgain: () => noteChange(undefined),
    async close() {
      clearInterval(everything);
      clearInterval(place);
      clearTimeout(timer);
      clearTimeout(searching);
      watch.close();
    },
  };

  /** A file whose text did not change keeps its identity. */
  function parseAll(found: ReadonlyMap<string, string>): ReadonlyMap<string, RegisterFile> {
    const fresh = changedKeys(texts, found).filter((file) => found.has(file));
    const files = withValues(
      parsed,
      fresh.map((file) => [
        file,
        { documents: readDocuments(found.get(file) ?? '', validate, parsed.get(file)?.documents) },
      ]),
    );
    // A file that came or went: the picture depends on the order of names.
    if (found.size === parsed.size && files.size === parsed.size) return files;
    return new Map(
      [...found.keys()].flatMap((file) => {
        const known = files.get(file);
        return known === undefined ? [] : [[file, known]];
      }),
    );
  }
}
