/** The objects in all files together: which document speaks for which object. */
import type { Finding } from '../api/finding.ts';
import { placeOf, problem, type Problem } from '../api/problem.ts';
import { changedKeys } from '../api/stable.ts';
import { lineInFile, locate, type FileDocument, type Place } from './documents.ts';
import { identityOf, type Item, type NamedItem } from './items.ts';

/** The documents of one file, or why it could not be read. */
export interface RegisterFile {
  readonly documents: readonly FileDocument[];
  readonly unreadable?: string;
  /** It is being written, and nothing is known of it yet. */
  readonly unknown?: true;
}

/** By path. */
export type Files = ReadonlyMap<string, RegisterFile>;

/** An object and where it stands. */
export interface Placed<I extends NamedItem = NamedItem> extends Place {
  readonly item: I & { readonly base: string };
}

/** Where each object stands, by identity, and what is no object. */
export interface Collected {
  readonly placed: Map<string, Placed>;
  readonly unnamed: readonly Finding[];
  /** Files with something that could not be taken for an object: what they held before may still be meant. */
  readonly troubled: ReadonlySet<string>;
  /** File with an object that another place has too → identities of such objects. */
  readonly repeated: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What stands in the files; objects of `before` may still be meant. */
export function collect(files: Files, before?: Collected): Collected {
  const found = placeAll(files);
  if (before === undefined || found.troubled.size === 0) return found;
  for (const [identity, place] of before.placed) {
    if (!found.troubled.has(place.file)) continue;
    const now = found.placed.get(identity);
    if (now === undefined) found.placed.set(identity, place);
    // A second document does not become the first by a mistake in the file of the first.
    else if (now.file !== place.file && before.repeated.get(now.file)?.has(identity) === true) {
      found.placed.set(identity, place);
      repeat(found, now, place);
    }
  }
  return found;
}

function placeAll(files: Files): Mutable {
  const found: Mutable = { placed: new Map(), unnamed: [], troubled: new Set(), repeated: new Map() };
  for (const [file, { documents, unreadable, unknown }] of files) {
    if (unknown === true) found.troubled.add(file);
    if (unreadable !== undefined) {
      found.troubled.add(file);
      found.unnamed.push(unnamedFinding({ ...problem('', `cannot be read: ${unreadable}`), file, line: 1 }));
    }
    for (const document of documents) for (const item of document.items) place(found, item, { file, document });
  }
  return found;
}

function place(found: Mutable, item: Item, at: Place): void {
  const { placed, unnamed, troubled } = found;
  if (item.type === 'Ignored') return;
  if (item.type === 'Unnamed') {
    troubled.add(at.file);
    unnamed.push(unnamedFinding(locate(item.problem, item.base, at)));
    return;
  }
  const twin = placed.get(identityOf(item));
  if (twin === undefined) placed.set(identityOf(item), { item, ...at });
  else repeat(found, { item, ...at }, twin);
}

function repeat({ unnamed, repeated }: Mutable, second: Placed, twin: Placed): void {
  unnamed.push(repetition(second, twin));
  for (const { file } of [second, twin]) {
    const identities = repeated.get(file) ?? new Set();
    repeated.set(file, identities.add(identityOf(second.item)));
  }
}

interface Mutable {
  readonly placed: Map<string, Placed>;
  readonly unnamed: Finding[];
  readonly troubled: Set<string>;
  readonly repeated: Map<string, Set<string>>;
}

function unnamedFinding(found: Problem): Finding {
  const { path, ...place } = placeOf(found);
  const message = path === undefined || path === '' ? found.message : `${path}: ${found.message}`;
  return { condition: 'Accepted', reason: 'InvalidSpec', message, ...place };
}

/** Of two documents for one object the first by file name and place speaks. */
function repetition({ item, file, document }: Placed, twin: Placed): Finding {
  const first = `${twin.file}:${lineInFile(twin.document, twin.item.base)}`;
  const message = `${identityOf(item)} is already written in ${first}, which is in force: remove one of them`;
  return unnamedFinding({ ...problem('', message), file, line: lineInFile(document, item.base) });
}

/**
 * The objects whose text or place changed, when nothing else did: the same objects stand in the same files in the same order. Undefined
 * when anything more may have changed.
 */
export function editsBetween(before: Files, now: Files, known: Collected): ReadonlyMap<string, Placed> | undefined {
  const edits = new Map<string, Placed>();
  for (const file of changedKeys(before, now)) {
    const [old, own] = [namedIn(file, before.get(file)), namedIn(file, now.get(file))];
    if (old === undefined || own === undefined || known.troubled.has(file) || known.repeated.has(file))
      return undefined;
    if (old.length !== own.length) return undefined;
    for (const [index, place] of own.entries()) {
      const was = old[index];
      if (was === undefined || identityOf(was.item) !== identityOf(place.item)) return undefined;
      if (was.item !== place.item || was.document !== place.document) edits.set(identityOf(place.item), place);
    }
  }
  return edits;
}

/** The objects of a file; undefined when something in it is none. */
function namedIn(file: string, content: RegisterFile | undefined): readonly Placed[] | undefined {
  if (content === undefined || content.unreadable !== undefined || content.unknown === true) return undefined;
  const all = content.documents.flatMap((document) => document.items.map((item) => ({ item, file, document })));
  if (all.some(({ item }) => item.type === 'Unnamed')) return undefined;
  return all.flatMap(({ item, ...place }) => (isNamed(item) ? [{ item, ...place }] : []));
}

function isNamed(item: Item): item is NamedItem & Item {
  return item.type !== 'Ignored' && item.type !== 'Unnamed';
}
