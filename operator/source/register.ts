/**
 * The objects of all files together: which document speaks for an object, which version of it is in force.
 * In: files as documents. Out: Resources. Never: a file, a clock.
 */
import { admit, type Admission } from '../api/admission.ts';
import type { Finding } from '../api/finding.ts';
import { placeOf, problem, type Problem } from '../api/problem.ts';
import type {
  ConfigMapInfo,
  EndpointSlice,
  Held,
  Key,
  Kind,
  KindOf,
  Metadata,
  Resources,
  SecretInfo,
} from '../api/resources.ts';
import { keepIdentity, keepList, keepMap, keepParts } from '../api/stable.ts';
import { certificatesOf } from './certificate.ts';
import { configMapInfo } from './config-map.ts';
import { canonicalText } from './content-hash.ts';
import { lineInFile, locate, pathIn, type FileDocument, type Place } from './documents.ts';
import {
  identityOf,
  metadataOf,
  type ConfigMapItem,
  type Item,
  type ObjectItem,
  type SecretItem,
  type SliceItem,
} from './items.ts';

/** The documents of one file, or why it could not be read. */
export interface RegisterFile {
  readonly documents: readonly FileDocument[];
  readonly unreadable?: string;
  /** It is being written, and nothing is known of it yet. */
  readonly unknown?: true;
}

/** How often the content of an object changed, and what it is now. */
export interface Revision {
  readonly generation: number;
  readonly hash: string;
}

export interface RegisterOptions {
  /** The revision that an earlier process kept. */
  readonly rememberedRevision: (kind: Kind, key: Key) => Revision | undefined;
  /** Whether an earlier process had it in force. */
  readonly servedBefore: (kind: Kind, key: Key) => boolean;
  /** A word that changes whenever these contents of a Secret do, and tells nothing of them. */
  readonly secretVersion: (values: ReadonlyMap<string, string>) => string;
}

export interface Register {
  /** The picture that these files make, by path. */
  update(files: ReadonlyMap<string, RegisterFile>): Resources;
  revision(kind: Kind, key: Key): Revision | undefined;
  secretValue(secret: Key, key: string): string | undefined;
  /** Where an object, or a place in it, is written. */
  find(kind: Kind, key: Key, path?: string): { readonly file: string; readonly line: number } | undefined;
}

type NamedItem = ObjectItem | SecretItem | ConfigMapItem | SliceItem;

interface Placed<I extends NamedItem = NamedItem> extends Place {
  readonly item: I & { readonly base: string };
}

interface Entry {
  readonly placed: Placed<ObjectItem>;
  readonly object: KindOf;
  readonly hash: string;
  readonly admission: Admission;
}

/** A register of nothing. */
export function createRegister(options: RegisterOptions): Register {
  let placed: ReadonlyMap<string, Placed> = new Map();
  let entries: ReadonlyMap<string, Entry> = new Map();
  let secrets = new Map<string, { readonly item: SecretItem; readonly info: SecretInfo }>();
  let configMaps = new Map<string, { readonly item: ConfigMapItem; readonly info: ConfigMapInfo }>();
  let slices = new Map<string, { readonly item: SliceItem; readonly slice: EndpointSlice }>();
  let last: Resources | undefined;

  const secretInfo = (item: SecretItem) => ({
    item,
    info: {
      metadata: metadataOf(item, 1),
      version: options.secretVersion(item.values),
      keys: [...item.values.keys()],
      ...certificatesOf(item.values),
    },
  });

  return {
    update(files) {
      const found = collect(files);
      placed = withCarriedOver(found, placed);
      entries = entriesOf(placed, entries, options);
      secrets = keepItems(itemsOfType(placed, 'Secret'), secrets, secretInfo);
      configMaps = keepItems(itemsOfType(placed, 'ConfigMap'), configMaps, (item) => ({
        item,
        info: configMapInfo(metadataOf(item, 1), item.pages),
      }));
      slices = keepItems(itemsOfType(placed, 'EndpointSlice'), slices, (item) => ({
        item,
        slice: { ...item.slice, metadata: metadataOf(item, 1) },
      }));
      last = picture({ entries, secrets, configMaps, slices, found }, last);
      return last;
    },
    revision(kind, key) {
      const entry = entries.get(`${kind} ${key}`);
      return entry && { generation: entry.object.metadata.generation, hash: entry.hash };
    },
    secretValue: (secret, key) => secrets.get(`Secret ${secret}`)?.item.values.get(key),
    find(kind, key, path) {
      const place = placed.get(`${kind} ${key}`);
      if (place === undefined) return undefined;
      const { file, document, item } = place;
      return { file, line: lineInFile(document, pathIn(item.base, path)) };
    },
  };
}

interface Collected {
  readonly placed: Map<string, Placed>;
  readonly unnamed: readonly Finding[];
  /** Files with something that could not be taken for an object: what they held before may still be meant. */
  readonly troubled: ReadonlySet<string>;
}

function collect(files: ReadonlyMap<string, RegisterFile>): Collected {
  const found = { placed: new Map<string, Placed>(), unnamed: [] as Finding[], troubled: new Set<string>() };
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

function place({ placed, unnamed, troubled }: Mutable, item: Item, at: Place): void {
  if (item.type === 'Ignored') return;
  if (item.type === 'Unnamed') {
    troubled.add(at.file);
    unnamed.push(unnamedFinding(locate(item.problem, item.base, at)));
    return;
  }
  const twin = placed.get(identityOf(item));
  if (twin === undefined) placed.set(identityOf(item), { item, ...at });
  else unnamed.push(repeated({ item, ...at }, twin));
}

interface Mutable {
  readonly placed: Map<string, Placed>;
  readonly unnamed: Finding[];
  readonly troubled: Set<string>;
}

function unnamedFinding(found: Problem): Finding {
  const { path, ...place } = placeOf(found);
  const message = path === undefined || path === '' ? found.message : `${path}: ${found.message}`;
  return { condition: 'Accepted', reason: 'InvalidSpec', message, ...place };
}

/** Of two documents for one object the first by file name and place speaks. */
function repeated({ item, file, document }: Placed, twin: Placed): Finding {
  const first = `${twin.file}:${lineInFile(twin.document, twin.item.base)}`;
  const message = `${identityOf(item)} is already written in ${first}, which is in force: remove one of them`;
  return unnamedFinding({ ...problem('', message), file, line: lineInFile(document, item.base) });
}

function withCarriedOver(
  { placed, troubled }: Collected,
  previous: ReadonlyMap<string, Placed>,
): ReadonlyMap<string, Placed> {
  if (troubled.size === 0) return placed;
  for (const [identity, place] of previous) {
    if (troubled.has(place.file) && !placed.has(identity)) placed.set(identity, place);
  }
  return placed;
}

function itemsOfType<T extends NamedItem['type']>(
  placed: ReadonlyMap<string, Placed>,
  type: T,
): readonly [string, Extract<NamedItem, { type: T }>][] {
  return [...placed]
    .filter(([, { item }]) => item.type === type)
    .map(([identity, { item }]) => [identity, item as unknown as Extract<NamedItem, { type: T }>]);
}

/** What was made of an item stays as long as the item does. */
function keepItems<I, M extends { readonly item: I }>(
  items: readonly (readonly [string, I])[],
  previous: ReadonlyMap<string, M>,
  make: (item: I) => M,
): Map<string, M> {
  return new Map(
    items.map(([identity, item]) => {
      const before = previous.get(identity);
      return [identity, before?.item === item ? before : make(item)];
    }),
  );
}

function entriesOf(
  placed: ReadonlyMap<string, Placed>,
  previous: ReadonlyMap<string, Entry>,
  options: RegisterOptions,
): ReadonlyMap<string, Entry> {
  const next = new Map<string, Entry>();
  for (const [identity, place] of placed) {
    if (place.item.type !== 'Object') continue;
    next.set(identity, entryOf(place as Placed<ObjectItem>, previous.get(identity), options));
  }
  return next;
}

function entryOf(placed: Placed<ObjectItem>, before: Entry | undefined, options: RegisterOptions): Entry {
  const { item } = placed;
  const stays = before?.placed.item === item;
  // Only messages with a line care where the document stands.
  if (stays && (item.problems.length === 0 || samePlace(before.placed, placed))) return { ...before, placed };
  const known = before === undefined ? options.rememberedRevision(item.kind, item.key) : revisionOf(before);
  const generation = known === undefined ? 1 : known.generation + (known.hash === item.hash ? 0 : 1);
  const object = keepObject(before?.object, { ...metadataOf(item, generation) }, item);
  const problems = item.problems.map((found) => locate(found, item.base, placed));
  const servedBefore = before === undefined && options.servedBefore(item.kind, item.key);
  const admission = admit({ object, problems, servedBefore }, before?.admission.inForce);
  return { placed, object, hash: item.hash, admission };
}

function revisionOf({ object, hash }: Entry): Revision {
  return { generation: object.metadata.generation, hash };
}

function samePlace(a: Place, b: Place): boolean {
  return a.file === b.file && a.document.firstLine === b.document.firstLine;
}

/** The same object when a comment or the order of fields is all that changed. */
function keepObject(before: KindOf | undefined, metadata: Metadata, { kind, spec }: ObjectItem): KindOf {
  if (before !== undefined && canonicalText(before.metadata) === canonicalText(metadata)) return before;
  return { kind, metadata, spec } as KindOf;
}

interface Parts {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly secrets: ReadonlyMap<string, { readonly info: SecretInfo }>;
  readonly configMaps: ReadonlyMap<string, { readonly info: ConfigMapInfo }>;
  readonly slices: ReadonlyMap<string, { readonly slice: EndpointSlice }>;
  readonly found: Collected;
}

function picture({ entries, secrets, configMaps, slices, found }: Parts, last: Resources | undefined): Resources {
  const held: Held[] = [];
  const findings: Finding[] = [];
  for (const { admission } of entries.values()) {
    if (admission.held !== undefined) held.push(admission.held);
    findings.push(...admission.findings);
  }
  return keepParts(last, {
    pools: keepMap(last?.pools, inForce(entries, 'WebPool')),
    rules: keepMap(last?.rules, inForce(entries, 'RoutingRule')),
    grants: keepMap(last?.grants, inForce(entries, 'DatabaseGrant')),
    secrets: keepMap(last?.secrets, new Map([...secrets].map(([id, { info }]) => [keyIn(id), info]))),
    configMaps: keepMap(last?.configMaps, new Map([...configMaps].map(([id, { info }]) => [keyIn(id), info]))),
    slices: keepMap(last?.slices, new Map([...slices].map(([id, { slice }]) => [keyIn(id), slice]))),
    held: keepList(last?.held, held),
    findings: keepList(last?.findings, findings),
    unnamed: keepIdentity(last?.unnamed, found.unnamed),
    pictureComplete: found.troubled.size === 0,
  });
}

function inForce<K extends Kind>(
  entries: ReadonlyMap<string, Entry>,
  kind: K,
): ReadonlyMap<Key, Extract<KindOf, { kind: K }>> {
  const found = new Map<Key, Extract<KindOf, { kind: K }>>();
  for (const { placed, admission } of entries.values()) {
    if (placed.item.kind !== kind || admission.inForce === undefined) continue;
    found.set(placed.item.key, admission.inForce as Extract<KindOf, { kind: K }>);
  }
  return found;
}

/** `Secret default/admin` → `default/admin`. */
function keyIn(identity: string): Key {
  return identity.slice(identity.indexOf(' ') + 1);
}
