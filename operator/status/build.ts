/**
 * What we tell the user: one status per object.
 * In: resources, topology, what both rails observed, the previous statuses, the time. Out: StatusDocument[]. Never: a guess;
 * what was not read back is Unknown.
 */
import type { Key, Kind } from '../api/resources.ts';
import { keepIdentity } from '../api/stable.ts';
import { collect, type Collected, type Identity } from './collect.ts';
import type { AnyStatus, StatusDocument, StatusInput } from './document.ts';
import { equal, sameItems } from './equal.ts';
import { createLookups, objectId, type Lookups } from './lookups.ts';
import type { Subject } from './subject.ts';
import { touchedBetween } from './touched.ts';
import { secondsOf } from './time.ts';
import type { History } from './verdict.ts';

/** The statuses of one round. */
export interface StatusRound {
  /** Of every object, held ones too, sorted by kind and key. */
  readonly documents: readonly StatusDocument[];
  /** Those that differ from the previous status, and so have to be written. */
  readonly changed: readonly StatusDocument[];
  /** Milliseconds from `now` after which time alone changes one of them; absent when it never does. */
  readonly recheckAfterMs?: number;
}

/** The status of every object, from scratch. */
export function buildStatuses(input: StatusInput): readonly StatusDocument[] {
  return createStatusBuilder()(input).documents;
}

/**
 * A function that builds the statuses of a round and makes anew only those whose inputs changed since its last call: an object's
 * resource, findings, observed state or previous status, compared by identity. Documents that stay keep their identity.
 */
export function createStatusBuilder(): (input: StatusInput) => StatusRound {
  const lookupsOf = createLookups();
  let table = tableOf(new Map());
  let last: StatusInput | undefined;
  return (input) => {
    const round = { input, lookups: lookupsOf(input), seconds: secondsOf(input.now) };
    const touched = last === undefined ? undefined : touchedBetween(last, input, round.lookups);
    last = input;
    if (touched === undefined) table = tableOf(allEntries(round, table.entries));
    else {
      const rewritten = input.rewritten ?? rewrittenSince(table, input);
      table = renew(table, round, new Set([...touched, ...table.restless, ...rewritten]));
    }
    return summary(table, round.seconds);
  };
}

/** What is remembered of all objects; a round costs what it makes anew. */
interface Table {
  readonly entries: Map<string, Entry>;
  /** In the order of `entries`. */
  readonly documents: readonly StatusDocument[];
  /** Where the document of an object stands. */
  readonly places: ReadonlyMap<string, number>;
  /** Ids of those that differ from the previous status, or will by time. */
  readonly restless: Set<string>;
}

function tableOf(entries: Map<string, Entry>): Table {
  const all = [...entries.values()];
  return {
    entries,
    documents: all.map(({ document }) => document),
    places: new Map(all.map(({ identity }, place) => [identity.id, place])),
    restless: new Set(all.filter(isRestless).map(({ identity }) => identity.id)),
  };
}

function isRestless({ differs, recheckAt }: Entry): boolean {
  return differs || recheckAt < Infinity;
}

/** Ids of objects of which somebody wrote another status. */
function rewrittenSince({ entries }: Table, { previous }: StatusInput): readonly string[] {
  return [...entries.values()]
    .filter(({ identity: { kind, key }, previous: known }) => previous(kind, key) !== known)
    .map(({ identity }) => identity.id);
}

function allEntries(round: Round, known: ReadonlyMap<string, Entry>): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const kind of KINDS) {
    for (const key of keysOf(kind, round.input)) {
      const id = objectId(kind, key);
      const entry = entryOf({ kind, key, id }, round, known.get(id));
      if (entry !== undefined) entries.set(id, entry);
    }
  }
  return entries;
}

/** Makes anew, of the same objects as before, those of `ids` that may be another. */
function renew(table: Table, round: Round, ids: ReadonlySet<string>): Table {
  const { entries, restless, places } = table;
  const documents = [...table.documents];
  for (const id of ids) {
    const entry = entries.get(id);
    const next = entry && entryOf(entry.identity, round, entry);
    if (next === undefined || next === entry) continue;
    entries.set(id, next);
    documents[places.get(id) ?? -1] = next.document;
    if (isRestless(next)) restless.add(id);
    else restless.delete(id);
  }
  return { ...table, documents };
}

interface Round {
  readonly input: StatusInput;
  readonly lookups: Lookups;
  readonly seconds: number;
}

const KINDS: readonly Kind[] = ['WebPool', 'RoutingRule', 'DatabaseGrant'];
const MAPS = { WebPool: 'pools', RoutingRule: 'rules', DatabaseGrant: 'grants' } as const;

/** What is remembered of an object from one round to the next. */
interface Entry {
  readonly identity: Identity;
  /** All that the document was made of, except time and previous status. */
  readonly inputs: readonly unknown[];
  readonly document: StatusDocument;
  readonly recheckAt: number;
  readonly previous: AnyStatus | undefined;
  readonly differs: boolean;
  /** When this generation was first seen, in seconds. */
  readonly since: number;
}

function keysOf(kind: Kind, { resources, leaving }: StatusInput): Key[] {
  const map: ReadonlyMap<Key, unknown> = resources[MAPS[kind]];
  const keys = [...map.keys()];
  for (const held of resources.held) if (held.kind === kind && !map.has(held.key)) keys.push(held.key);
  if (kind === 'DatabaseGrant') keys.push(...(leaving?.keys() ?? []));
  return keys.sort();
}

function summary({ entries, documents, restless }: Table, seconds: number): StatusRound {
  const moving = [...restless].flatMap((id) => entries.get(id) ?? []);
  const changed = moving.filter((entry) => entry.differs).map((entry) => entry.document);
  const recheckAt = moving.reduce((soonest, entry) => Math.min(soonest, entry.recheckAt), Infinity);
  return recheckAt === Infinity
    ? { documents, changed }
    : { documents, changed, recheckAfterMs: Math.max(0, recheckAt - seconds) * 1000 };
}

function entryOf(identity: Identity, round: Round, last: Entry | undefined): Entry | undefined {
  const object = collect(identity, round.input, round.lookups);
  if (object === undefined) return undefined;
  const previous = round.input.previous(identity.kind, identity.key);
  if (last !== undefined && isStill(last, object, round.seconds)) {
    if (previous === last.previous) return last;
    // Building on the own last document gives that document again, so it need not be built.
    if (equal(previous, last.document.status)) return { ...last, previous, differs: false };
  }
  return build(object, { identity, previous, last, round });
}

function isStill(last: Entry, object: Collected, seconds: number): boolean {
  return seconds < last.recheckAt && sameItems(last.inputs, object.inputs);
}

interface Context {
  readonly identity: Identity;
  readonly previous: AnyStatus | undefined;
  readonly last: Entry | undefined;
  readonly round: Round;
}

function build(object: Collected, { identity, previous, last, round }: Context): Entry {
  const { generation } = object.subject.metadata;
  const { now, startedAt } = round.input;
  const sameGeneration = previous?.observedGeneration === generation;
  const known = last?.document.metadata.generation === generation ? last.since : secondsOf(startedAt);
  const since = sameGeneration ? known : round.seconds;
  const history: History = {
    previous: previous?.conditions ?? [],
    sameGeneration,
    generation,
    now,
    seconds: round.seconds,
    since,
  };
  const { status, recheckAt } = object.judge(history);
  // What is as it was is kept once, not twice.
  const made = documentOf(object.subject, keepIdentity(previous, status));
  const document = last !== undefined && equal(last.document, made) ? last.document : made;
  const differs = !equal(previous, document.status);
  return { identity, inputs: object.inputs, document, recheckAt: recheckAt ?? Infinity, previous, differs, since };
}

function documentOf({ kind, key, metadata }: Subject, status: AnyStatus): StatusDocument {
  const { namespace, name, generation } = metadata;
  return { kind, key, metadata: { namespace, name, generation }, status };
}
