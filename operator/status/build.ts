/**
 * What we tell the user: one status per object.
 * In: resources, topology, what both rails observed, the previous statuses, the time. Out: StatusDocument[]. Never: a guess;
 * what was not read back is Unknown.
 */
import type { Key, Kind } from '../api/resources.ts';
import { collect, type Collected, type Identity } from './collect.ts';
import type { AnyStatus, StatusDocument, StatusInput } from './document.ts';
import { equal, sameItems } from './equal.ts';
import { createLookups, objectId, type Lookups } from './lookups.ts';
import type { Subject } from './subject.ts';
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
  let memory: ReadonlyMap<string, Entry> = new Map();
  return (input) => {
    const round = { input, lookups: lookupsOf(input), seconds: secondsOf(input.now) };
    const next = new Map<string, Entry>();
    for (const kind of KINDS) {
      for (const key of keysOf(kind, input)) {
        const id = objectId(kind, key);
        const entry = entryOf({ kind, key, id }, round, memory.get(id));
        if (entry !== undefined) next.set(id, entry);
      }
    }
    memory = next;
    return summary([...next.values()], round.seconds);
  };
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
  /** All that the document was made of, except time and previous status. */
  readonly inputs: readonly unknown[];
  readonly document: StatusDocument;
  readonly recheckAt: number;
  readonly previous: AnyStatus | undefined;
  readonly differs: boolean;
  /** When this generation was first seen, in seconds. */
  readonly since: number;
}

function keysOf(kind: Kind, { resources }: StatusInput): Key[] {
  const map: ReadonlyMap<Key, unknown> = resources[MAPS[kind]];
  const keys = [...map.keys()];
  for (const held of resources.held) if (held.kind === kind && !map.has(held.key)) keys.push(held.key);
  return keys.sort();
}

function summary(entries: readonly Entry[], seconds: number): StatusRound {
  const documents = entries.map((entry) => entry.document);
  const changed = entries.filter((entry) => entry.differs).map((entry) => entry.document);
  const recheckAt = entries.reduce((soonest, entry) => Math.min(soonest, entry.recheckAt), Infinity);
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
  return build(object, { previous, last, round });
}

function isStill(last: Entry, object: Collected, seconds: number): boolean {
  return seconds < last.recheckAt && sameItems(last.inputs, object.inputs);
}

interface Context {
  readonly previous: AnyStatus | undefined;
  readonly last: Entry | undefined;
  readonly round: Round;
}

function build(object: Collected, { previous, last, round }: Context): Entry {
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
  const made = documentOf(object.subject, status);
  const document = last !== undefined && equal(last.document, made) ? last.document : made;
  const differs = !equal(previous, document.status);
  return { inputs: object.inputs, document, recheckAt: recheckAt ?? Infinity, previous, differs, since };
}

function documentOf({ kind, key, metadata }: Subject, status: AnyStatus): StatusDocument {
  const { namespace, name, generation } = metadata;
  return { kind, key, metadata: { namespace, name, generation }, status };
}
