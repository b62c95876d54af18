/**
 * The statuses of a folder: one file an object, which also keeps how often the object changed.
 * In: StatusDocuments. Out: files in `.status`. Never: a Secret.
 */
import { access, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { dump, load } from 'js-yaml';
import type { Finding } from '../api/finding.ts';
import { keyOf, type Key, type Kind } from '../api/resources.ts';
import type { AnyStatus, StatusDocument } from '../status/document.ts';
import { contentHash } from './content-hash.ts';
import { inParallel } from './folder-files.ts';
import { API_VERSION, isFields, isKind } from './items.ts';
import type { Revision } from './register.ts';

export interface StatusFiles {
  statusOf(kind: Kind, key: Key): AnyStatus | undefined;
  /** The revision that an earlier process kept. */
  revisionOf(kind: Kind, key: Key): Revision | undefined;
  /** Writes `changed`, and removes the files of whatever is not in `all`. */
  write(due: DueStatuses): Promise<void>;
  /** `errors.yaml`: documents that are no object; removed when there are none. */
  writeErrors(errors: readonly Finding[]): Promise<void>;
}

export interface DueStatuses {
  readonly changed: readonly StatusDocument[];
  readonly all: readonly StatusDocument[];
  readonly specOf: SpecOf;
  /** Is waited for before each text is made: one takes half a millisecond. */
  readonly gap: () => Promise<void>;
}

/** What an object says. */
export type SpecOf = (kind: Kind, key: Key) => unknown;

interface Known {
  readonly status: AnyStatus;
  readonly revision?: Revision;
}

const ERRORS = 'errors.yaml';
const CONTENT_HASH = 'webpool.dev/content-hash';

/** The statuses in `folder` as an earlier process left them; a file that was damaged counts as absent. */
export async function openStatusFiles(folder: string): Promise<StatusFiles> {
  await makeFolder(folder);
  const known = await readAll(folder);
  let errorsText: string | undefined;
  const namesBeyond = (all: readonly StatusDocument[]): readonly string[] => {
    const wanted = new Set(all.map(({ kind, key }) => fileOf(kind, key)));
    return [...known.keys()].filter((name) => !wanted.has(name));
  };

  return {
    statusOf: (kind, key) => known.get(fileOf(kind, key))?.status,
    revisionOf: (kind, key) => known.get(fileOf(kind, key))?.revision,
    async write({ changed, all, specOf, gap }) {
      const newNames = changed.map(({ kind, key }) => fileOf(kind, key)).filter((name) => !known.has(name));
      // Of the moment at which the statuses were made: an object may change while they are written.
      const specs = changed.map(({ kind, key }) => specOf(kind, key));
      const turn = oneByOne(gap);
      await allOf([
        ...changed.map((document, index) => async () => {
          const { kind, key, metadata, status } = document;
          await turn();
          const revision = { generation: metadata.generation, hash: contentHash(specs[index]) };
          await writeWhole(join(folder, fileOf(kind, key)), textOf(document, revision.hash));
          known.set(fileOf(kind, key), { status, revision });
        }),
        // What has no file yet is in `changed`, so only as many files as objects means that all are wanted.
        ...(known.size + newNames.length === all.length ? [] : namesBeyond(all)).map((name) => async () => {
          await rm(join(folder, name), { force: true });
          known.delete(name);
        }),
      ]);
    },
    async writeErrors(errors) {
      const text = errors.length === 0 ? '' : errorText(errors);
      if (text === errorsText && (text === '' || (await isThere(join(folder, ERRORS))))) return;
      if (text === '') await rm(join(folder, ERRORS), { force: true });
      else await writeWhole(join(folder, ERRORS), text);
      errorsText = text;
    },
  };
}

/** `wait`, for each caller after the one before. */
function oneByOne(wait: () => Promise<void>): () => Promise<void> {
  let last = Promise.resolve();
  return () => (last = last.then(wait));
}

/** Does all of it; what could not be done does not keep the rest from it. Errors: rejects with the first problem. */
async function allOf(work: readonly (() => Promise<void>)[]): Promise<void> {
  const problems: unknown[] = [];
  await inParallel(work, async (task) => {
    await task().catch((error: unknown) => problems.push(error));
  });
  if (problems.length > 0) throw problems[0];
}

/** File systems take 255 bytes, of which the ends take 9. */
const LONGEST_NAME = 240;

/**
 * `<kind>.<namespace>.<name>.yaml` in lower case; a namespace has no dot, so two objects never share a file. A very long name is
 * cut and ends with `~` and a digest.
 */
function fileOf(kind: Kind, key: Key): string {
  const name = `${kind.toLowerCase()}.${key.replace('/', '.')}`;
  if (name.length <= LONGEST_NAME) return `${name}.yaml`;
  const digest = `~${contentHash(name)}`;
  return `${name.slice(0, LONGEST_NAME - digest.length)}${digest}.yaml`;
}

function textOf({ kind, metadata, status }: StatusDocument, hash: string): string {
  const annotations = { [CONTENT_HASH]: hash };
  return dump({ apiVersion: API_VERSION, kind, metadata: { ...metadata, annotations }, status }, { noRefs: true });
}

function errorText(errors: readonly Finding[]): string {
  return dump({ errors: errors.map(({ file, line, message }) => ({ file, line, message })) }, { noRefs: true });
}

/** Readers see the old text or the new one. A crash may lose it: it can be made again. */
async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    // Somebody removed the folder.
    await makeFolder(dirname(path));
    await writeFile(`${path}.new`, text);
  });
  await rename(`${path}.new`, path);
}

/** Makes this one only: if the folder around it is gone, an empty one in its place would look as if all objects were deleted. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function readAll(folder: string): Promise<Map<string, Known>> {
  const known = new Map<string, Known>();
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml') && name !== ERRORS);
  await inParallel(names, async (name) => {
    const found = parse(await readFile(join(folder, name), 'utf8').catch(() => ''));
    if (found !== undefined && fileOf(found.kind, found.key) === name) known.set(name, found);
  });
  return known;
}

function parse(text: string): (Known & { readonly kind: Kind; readonly key: Key }) | undefined {
  try {
    const document = load(text);
    if (!isFields(document)) return undefined;
    const { kind, metadata, status } = document;
    if (typeof kind !== 'string' || !isKind(kind) || !isFields(metadata) || !isStatus(status)) return undefined;
    const { namespace, name } = metadata;
    if (typeof namespace !== 'string' || typeof name !== 'string') return undefined;
    const revision = revisionIn(metadata);
    return { kind, key: keyOf({ namespace, name }), status, ...(revision !== undefined && { revision }) };
  } catch {
    return undefined;
  }
}

/** What we read of a previous status has the right form; the rest is only compared. */
function isStatus(status: unknown): status is AnyStatus {
  if (!isFields(status)) return false;
  const { conditions = [], observedGeneration } = status;
  if (observedGeneration !== undefined && typeof observedGeneration !== 'number') return false;
  return Array.isArray(conditions) && conditions.every((condition) => isFields(condition) && isCondition(condition));
}

function isCondition(condition: Readonly<Record<string, unknown>>): boolean {
  return ['type', 'status', 'lastTransitionTime'].every((field) => typeof condition[field] === 'string');
}

function revisionIn({ generation, annotations }: Readonly<Record<string, unknown>>): Revision | undefined {
  const hash = isFields(annotations) ? annotations[CONTENT_HASH] : undefined;
  const whole = typeof generation === 'number' && Number.isInteger(generation) && generation > 0;
  return whole && typeof hash === 'string' ? { generation, hash } : undefined;
}
