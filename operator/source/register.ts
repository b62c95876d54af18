/**
 * The objects of all files together: which document speaks for an object, which version of it is in force.
 * In: files as documents. Out: Resources. Never: a file, a clock.
 */
import { admit, type Admission } from '../api/admission.ts';
import type { Finding } from '../api/finding.ts';
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
import { withValues } from '../api/patched-map.ts';
import { keepIdentity, keepList, keepMap, keepParts } from '../api/stable.ts';
import { secretContents, type SecretContents } from './certificate.ts';
import { collect, editsBetween, type Collected, type Files, type Placed } from './collect.ts';
import { configMapInfo } from './config-map.ts';
import { canonicalText, contentHash } from './content-hash.ts';
import { lineInFile, locate, pathIn, type Place } from './documents.ts';
import {
  metadataOf,
  type ConfigMapItem,
  type NamedItem,
  type ObjectItem,
  type SecretItem,
  type SliceItem,
} from './items.ts';

/** How often the spec of an object changed, and its content hash now. */
export interface Revision {
  readonly generation: number;
  readonly hash: string;
}

export interface RegisterOptions {
  /** The revision that an earlier process kept. */
  readonly rememberedRevision: (kind: Kind, key: Key) => Revision | undefined;
  /** Whether an earlier process had it in force. */
  readonly servedBefore: (kind: Kind, key: Key) => boolean;
  /** Texts of a Secret that an earlier process had in force, as far as they are those of certificates. */
  readonly rememberedSecret: (secret: Key) => ReadonlyMap<string, string>;
  /** A word that changes whenever these contents of a Secret do, and tells nothing of them. */
  readonly secretVersion: (values: ReadonlyMap<string, string>) => string;
}

export interface Register {
  /** The picture that these files make, by path. */
  update(files: Files): Resources;
  /** What an object says, in whatever form; undefined when there is none. */
  specOf(kind: Kind, key: Key): unknown;
  secretValue(secret: Key, key: string): string | undefined;
  /** Where an object, or a place in it, is written. */
  find(kind: Kind, key: Key, path?: string): { readonly file: string; readonly line: number } | undefined;
}

interface Entry {
  readonly placed: Placed<ObjectItem>;
  readonly object: KindOf;
  readonly admission: Admission;
}

interface KnownSecret {
  readonly item: SecretItem;
  readonly contents: SecretContents;
  readonly info: SecretInfo;
}

interface KnownConfigMap {
  readonly item: ConfigMapItem;
  readonly info: ConfigMapInfo;
}

interface KnownSlice {
  readonly item: SliceItem;
  readonly slice: EndpointSlice;
}

/** A register of nothing. */
export function createRegister(options: RegisterOptions): Register {
  let files: Files = new Map();
  let found = collect(files);
  let entries = new Map<string, Entry>();
  let secrets = new Map<string, KnownSecret>();
  let configMaps = new Map<string, KnownConfigMap>();
  let slices = new Map<string, KnownSlice>();
  let last: Resources | undefined;

  const secretOf = (item: SecretItem, before: KnownSecret | undefined): KnownSecret => {
    const remembered = before === undefined ? options.rememberedSecret(item.key) : undefined;
    const contents = secretContents(item.values, before?.contents, remembered);
    const { values, ...certificates } = contents;
    const version = options.secretVersion(item.values);
    return {
      item,
      contents,
      info: { metadata: metadataOf(item, 1), version, keys: [...values.keys()], ...certificates },
    };
  };
  const configMapOf = (item: ConfigMapItem): KnownConfigMap => ({
    item,
    info: configMapInfo(metadataOf(item, 1), item.pages),
  });
  const sliceOf = (item: SliceItem): KnownSlice => ({ item, slice: { ...item.slice, metadata: metadataOf(item, 1) } });

  const pictureOf = (before: Resources | undefined) => picture({ entries, secrets, configMaps, slices, found }, before);

  const readAll = (): Resources => {
    found = collect(files, found);
    entries = entriesOf(found.placed, entries, options);
    secrets = keepItems(itemsOfType(found.placed, 'Secret'), secrets, secretOf);
    configMaps = keepItems(itemsOfType(found.placed, 'ConfigMap'), configMaps, configMapOf);
    slices = keepItems(itemsOfType(found.placed, 'EndpointSlice'), slices, sliceOf);
    return pictureOf(last);
  };

  /** Returns whether nothing was or is to be said about it but that it is in force. */
  const edit = (identity: string, { item, ...place }: Placed): boolean => {
    found.placed.set(identity, { item, ...place });
    if (item.type === 'Secret') secrets.set(identity, keepItem(item, secrets.get(identity), secretOf));
    else if (item.type === 'ConfigMap') configMaps.set(identity, keepItem(item, configMaps.get(identity), configMapOf));
    else if (item.type === 'EndpointSlice') slices.set(identity, keepItem(item, slices.get(identity), sliceOf));
    else {
      const before = entries.get(identity);
      const now = entryOf({ item, ...place }, before, options);
      entries.set(identity, now);
      return isPlain(before) && isPlain(now);
    }
    return true;
  };

  /** What `readAll` would give, at the cost of what was edited. */
  const readEdits = (edits: ReadonlyMap<string, Placed>, before: Resources): Resources => {
    const plain = [...edits].map(([identity, place]) => edit(identity, place));
    if (plain.includes(false)) return pictureOf(before);
    const identities = [...edits.keys()];
    const objects = <K extends Kind>(kind: K) =>
      identities.map((id) => [id, inForceAs(kind, entries.get(id))] as const);
    return keepParts(before, {
      ...before,
      pools: edited(before.pools, objects('WebPool')),
      rules: edited(before.rules, objects('RoutingRule')),
      grants: edited(before.grants, objects('DatabaseGrant')),
      secrets: edited(
        before.secrets,
        identities.map((id) => [id, secrets.get(id)?.info]),
      ),
      configMaps: edited(
        before.configMaps,
        identities.map((id) => [id, configMaps.get(id)?.info]),
      ),
      slices: edited(
        before.slices,
        identities.map((id) => [id, slices.get(id)?.slice]),
      ),
    });
  };

  return {
    update(next) {
      const edits = last === undefined ? undefined : editsBetween(files, next, found);
      files = next;
      last = edits === undefined || last === undefined ? readAll() : readEdits(edits, last);
      return last;
    },
    specOf: (kind, key) => entries.get(`${kind} ${key}`)?.object.spec,
    secretValue: (secret, key) => secrets.get(`Secret ${secret}`)?.contents.values.get(key),
    find(kind, key, path) {
      const place = found.placed.get(`${kind} ${key}`);
      if (place === undefined) return undefined;
      const { file, document, item } = place;
      return { file, line: lineInFile(document, pathIn(item.base, path)) };
    },
  };
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
function keepItems<M extends { readonly item: NamedItem }>(
  items: readonly (readonly [string, M['item']])[],
  previous: ReadonlyMap<string, M>,
  make: (item: M['item'], before: M | undefined) => M,
): Map<string, M> {
  return new Map(items.map(([identity, item]) => [identity, keepItem(item, previous.get(identity), make)]));
}

function keepItem<M extends { readonly item: NamedItem }>(
  item: M['item'],
  before: M | undefined,
  make: (item: M['item'], before: M | undefined) => M,
): M {
  return before?.item === item ? before : make(item, before);
}

function entriesOf(
  placed: ReadonlyMap<string, Placed>,
  previous: ReadonlyMap<string, Entry>,
  options: RegisterOptions,
): Map<string, Entry> {
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
  const generation = known === undefined ? 1 : known.generation + (known.hash === contentHash(item.spec) ? 0 : 1);
  const object = keepObject(before?.object, { ...metadataOf(item, generation) }, item);
  const problems = item.problems.map((found) => locate(found, item.base, placed));
  const servedBefore = before === undefined && options.servedBefore(item.kind, item.key);
  const admission = admit({ object, problems, servedBefore }, before?.admission.inForce);
  return { placed, object, admission };
}

function revisionOf({ object }: Entry): Revision {
  return { generation: object.metadata.generation, hash: contentHash(object.spec) };
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
  for (const entry of entries.values()) {
    const object = inForceAs(kind, entry);
    if (object !== undefined) found.set(entry.placed.item.key, object);
  }
  return found;
}

/** In force as it was written. */
function isPlain(entry: Entry | undefined): boolean {
  if (entry === undefined) return false;
  const { inForce, held, findings } = entry.admission;
  return inForce !== undefined && held === undefined && findings.length === 0;
}

function inForceAs<K extends Kind>(kind: K, entry: Entry | undefined): Extract<KindOf, { kind: K }> | undefined {
  const { inForce } = entry?.admission ?? {};
  return inForce?.kind === kind ? (inForce as Extract<KindOf, { kind: K }>) : undefined;
}

/** `map` with those that are other values than before; undefined is none. */
function edited<V>(
  map: ReadonlyMap<Key, V>,
  values: readonly (readonly [string, V | undefined])[],
): ReadonlyMap<Key, V> {
  return withValues(
    map,
    values.flatMap(([identity, value]): [Key, V][] => {
      const key = keyIn(identity);
      return value === undefined || map.get(key) === value ? [] : [[key, value]];
    }),
  );
}

/** `Secret default/admin` → `default/admin`. */
function keyIn(identity: string): Key {
  return identity.slice(identity.indexOf(' ') + 1);
}
