/**
 * Accounts on every database server, each server in a loop of its own: a slow one delays nobody.
 */
import type { Key, Resources } from '../api/resources.ts';
import { keepMap, keepParts, keepValues } from '../api/stable.ts';
import type { DatabaseRound, DatabaseRoundInput, DatabaseServer } from '../driver/mysql-server.ts';
import type { DatabaseObserved, ProxyObserved } from '../status/observed.ts';
import type { AccountNeed, DatabaseServerNeed, Topology } from '../topology/topology.ts';
import { hostHistory } from './host-history.ts';
import { createKnownHosts } from './known-hosts.ts';
import { createLoop, type Loop } from './loop.ts';

/** How to reach a server; kept on disk, so that the accounts of a grant that was deleted while we were away still go. */
export type ServerPlace = DatabaseServerNeed;

export interface DatabaseRailOptions {
  readonly open: (place: ServerPlace) => DatabaseServer;
  readonly secretValue: (secret: Key, key: string) => string | undefined;
  /** What the proxy holds: accounts outlive their servers until these have drained. */
  readonly proxy: () => ProxyObserved | undefined;
  /** A round ended with news. */
  readonly onRound: (id: string, round: DatabaseRound, milliseconds: number) => void;
  readonly onError: (id: string, error: unknown) => void;
  /** Servers of an earlier process. */
  readonly remembered: readonly ServerPlace[];
  /** Hosts, by grant, whose Pods have ended and are still there: with `removal.when: Deleted` their accounts stay as long. */
  readonly lingering?: (resources: Resources) => ReadonlyMap<Key, ReadonlySet<string>>;
  /** Addresses of Pods that were seen to go: their accounts need no further proof. */
  readonly departed?: () => ReadonlySet<string>;
  readonly remember: (places: readonly ServerPlace[]) => void;
  /**
   * Whether this process may write at this moment: looks come by themselves, also to one that was frozen until another had taken over. A
   * round is short enough that what it begins then ends before another may begin. Default: always.
   */
  readonly allowed?: () => boolean;
}

export interface DatabaseRail {
  /** A new picture: rounds follow at once where something may differ. `further`: servers of grants that are being deleted. */
  update(resources: Resources, topology: Topology, further?: readonly ServerPlace[]): void;
  /**
   * Ids of the servers on which something may be left of a grant that is in no picture any more: of the one that it names, and of those that
   * it named before.
   */
  left(grant: Key, serverId: string): readonly string[];
  /** Something changed in the proxy. */
  wake(): void;
  readonly observed: ReadonlyMap<string, DatabaseObserved>;
  /** Nothing is left to do on any server that can be reached. */
  readonly settled: boolean;
  stop(): Promise<void>;
}

/** Milliseconds between two looks at a server that is well, and at one that is not. */
const RESYNC = 30_000;
const RETRY = 1000;
const LONGEST_RETRY = 30_000;

interface Entry {
  /** As the grants say now. */
  place: ServerPlace;
  readonly server: DatabaseServer;
  readonly loop: Loop;
  round?: DatabaseRound;
  /** What it saw; the same as before while nothing of it changes. */
  told?: DatabaseObserved;
  /** What the last round was made from, and the one that runs. */
  seen?: Seen;
  running?: Seen;
  /** Grants of which accounts were made there, perhaps, and not seen to be gone. */
  readonly holds: Set<Key>;
  failures: number;
}

type Seen = Pick<DatabaseRoundInput, 'needs' | 'presentGrants' | 'pictureComplete'> & { readonly resources: Resources };

interface Looked {
  readonly input: DatabaseRoundInput;
  readonly result: DatabaseRound;
}

const ALLOW_REMOVAL = 'webpool.dev/allow-removal';

/** Keeps the accounts of all servers that grants name, and of those that none names any more until they are clean. */
export function createDatabaseRail(options: DatabaseRailOptions): DatabaseRail {
  const { allowed = () => true } = options;
  const entries = new Map<string, Entry>();
  const history = hostHistory();
  const known = createKnownHosts();
  const places = new Map(options.remembered.map((place) => [place.id, place]));
  let picture: { readonly resources: Resources; readonly topology: Topology } | undefined;
  let observed: ReadonlyMap<string, DatabaseObserved> = new Map();
  /** Servers on which nothing was left. */
  const retired = new Set<string>();

  const publish = () => {
    const all = [...entries].flatMap(([id, { told }]) => (told === undefined ? [] : [[id, told] as const]));
    observed = keepMap(observed, new Map(all));
  };

  const round = async (id: string): Promise<number | undefined> => {
    const entry = entries.get(id);
    if (entry === undefined || picture === undefined || !allowed()) return undefined;
    const begun = performance.now();
    const { resources } = picture;
    const input = inputOf(entry.place, picture);
    const { needs, presentGrants, pictureComplete } = input;
    entry.running = { resources, needs, presentGrants, pictureComplete };
    const result = keepGrants(entry.round, await entry.server.round(input));
    // That a problem is over is news as well, though the accounts were remembered through it.
    const news = entry.round === undefined || entry.round.problem !== undefined || entry.round.grants !== result.grants;
    entry.round = result;
    entry.told = keepParts(entry.told, observedOf(result));
    entry.seen = entry.running;
    delete entry.running;
    noteHolds(entry.holds, { input, result });
    publish();
    if (news || result.statements > 0 || result.problem !== undefined) {
      options.onRound(id, result, performance.now() - begun);
    }
    return nextLook(entry, { input, result });
  };

  /** In how many milliseconds; undefined = never again. */
  const nextLook = (entry: Entry, { input, result }: Looked): number | undefined => {
    if (result.problem !== undefined) {
      entry.failures += 1;
      return Math.min(RETRY * 2 ** (entry.failures - 1), LONGEST_RETRY);
    }
    entry.failures = 0;
    if (!result.settled) return RETRY;
    if (input.needs.length === 0 && isClean(result)) return retire(entry);
    // The proxy was not known yet when this round began, and nobody wakes us when it is.
    const early = !input.pictureComplete && entry.seen?.resources.pictureComplete === true;
    return early ? RETRY : RESYNC;
  };

  const retire = (entry: Entry): undefined => {
    retired.add(entry.place.id);
    entries.delete(entry.place.id);
    places.delete(entry.place.id);
    options.remember([...places.values()]);
    void entry.loop.stop().then(() => entry.server.close());
    publish();
    return undefined;
  };

  const inputOf = (place: ServerPlace, { resources, topology }: NonNullable<typeof picture>): DatabaseRoundInput => {
    const needs = topology.accounts.filter(({ server }) => server.id === place.id);
    const proxy = options.proxy();
    const username = options.secretValue(place.adminSecret, 'username');
    const password = options.secretValue(place.adminSecret, 'password');
    const { mode, caSecret, serverName } = place.tls;
    const ca = caSecret === undefined ? undefined : options.secretValue(caSecret, 'ca.crt');
    const noAuthority = caSecret !== undefined && ca === undefined;
    return {
      needs,
      // Without the authority that the certificate needs, a password would go to whoever answers.
      admin: username === undefined || password === undefined || noAuthority ? undefined : { username, password },
      tls: { mode, ...(ca !== undefined && { ca }), ...(serverName !== undefined && { serverName }) },
      passwords: passwordsOf(needs, options.secretValue),
      presentGrants: presentGrants(resources),
      elsewhere: grantsElsewhere(place, topology),
      keepHosts: union(history.keep(resources, proxy), options.lingering?.(resources)),
      incomplete: known.incomplete(),
      allowRemoval: allowances(resources),
      departed: options.departed?.() ?? NOBODY,
      // As long as nobody knows which servers still drain, none of their accounts may go.
      pictureComplete: resources.pictureComplete && proxy !== undefined,
    };
  };

  const open = (place: ServerPlace) => {
    const { id } = place;
    retired.delete(id);
    const loop = createLoop({ round: () => round(id), onError: (error) => options.onError(id, error) });
    const entry: Entry = { place, server: options.open(place), loop, holds: new Set(), failures: 0 };
    entries.set(id, entry);
  };

  const isCleanOf = (grant: Key, id: string): boolean => {
    const { round: last, seen, running } = entries.get(id) ?? {};
    if (last === undefined) return retired.has(id);
    if (last.problem !== undefined || !last.settled || last.grants.has(grant)) return false;
    // It looked for accounts that have to go, and nothing has been made since. Newer pictures, which may come all the time, say no more.
    const isAbsent = (from: Seen) => !from.presentGrants.has(grant);
    return seen?.pictureComplete === true && isAbsent(seen) && (running === undefined || isAbsent(running));
  };

  return {
    update(resources, topology, further = []) {
      const changed = picture?.resources !== resources || picture.topology !== topology;
      picture = { resources, topology };
      history.learn(topology.accounts);
      known.learn(topology.accounts);
      const before = JSON.stringify([...places.values()]);
      for (const place of further) if (!retired.has(place.id)) places.set(place.id, place);
      // Of grants that share a loop the first says how to connect.
      for (const { server } of topology.accounts.toReversed()) places.set(server.id, server);
      if (JSON.stringify([...places.values()]) !== before) options.remember([...places.values()]);
      for (const place of places.values()) {
        const entry = entries.get(place.id);
        if (entry === undefined) open(place);
        else entry.place = place;
      }
      if (changed) for (const { loop } of entries.values()) loop.wake();
    },
    left(grant, serverId) {
      const may = [...entries].filter(([, entry]) => entry.holds.has(grant) || isNeeded(grant, entry.running));
      const ids = new Set([serverId, ...may.map(([id]) => id)]);
      return [...ids].filter((id) => !isCleanOf(grant, id));
    },
    wake() {
      for (const { loop } of entries.values()) loop.wake();
    },
    get observed() {
      return observed;
    },
    get settled() {
      return [...entries.values()].every(
        ({ round }) => round !== undefined && (round.settled || round.problem !== undefined),
      );
    },
    async stop() {
      await Promise.all([...entries.values()].map(({ loop }) => loop.stop()));
      await Promise.all([...entries.values()].map(({ server }) => server.close()));
    },
  };
}

/** The round with everything about grants that is as it was before. */
function keepGrants(previous: DatabaseRound | undefined, next: DatabaseRound): DatabaseRound {
  return { ...next, grants: keepValues(previous?.grants, next.grants) };
}

/** Keeps what is known of the grants that have accounts on a server. */
function noteHolds(holds: Set<Key>, { input, result }: Looked): void {
  const { problem, flavor, grants, settled } = result;
  // Where nobody has logged in, nothing was made.
  if (problem !== undefined && flavor === undefined) return;
  for (const grant of grants.keys()) holds.add(grant);
  if (problem !== undefined || !settled) return;
  const mayGo = (grant: Key) =>
    input.elsewhere?.has(grant) === true || (input.pictureComplete && !input.presentGrants.has(grant));
  for (const grant of holds) if (!grants.has(grant) && mayGo(grant)) holds.delete(grant);
}

function isNeeded(grant: Key, seen: Seen | undefined): boolean {
  return seen?.needs.some((need) => need.grant === grant) === true;
}

function observedOf({ problem, flavor, version, grants }: DatabaseRound): DatabaseObserved {
  return {
    ...(problem !== undefined && { problem }),
    ...(flavor !== undefined && { flavor }),
    ...(version !== undefined && { version }),
    grants,
  };
}

type HostsByGrant = ReadonlyMap<Key, ReadonlySet<string>>;

function union(a: HostsByGrant, b: HostsByGrant | undefined): HostsByGrant {
  if (b === undefined || b.size === 0) return a;
  const keys = [...new Set([...a.keys(), ...b.keys()])];
  return new Map(keys.map((key) => [key, new Set([...(a.get(key) ?? []), ...(b.get(key) ?? [])])]));
}

function passwordsOf(needs: readonly AccountNeed[], value: DatabaseRailOptions['secretValue']): Map<string, string> {
  const passwords = new Map<string, string>();
  for (const { password } of needs) {
    const text = value(password.secret, password.key);
    if (text !== undefined) passwords.set(`${password.secret}/${password.key}`, text);
  }
  return passwords;
}

/** Nothing of ours is left there that could still have to go. */
function isClean({ grants, withheld }: DatabaseRound): boolean {
  return grants.size === 0 && withheld === 0;
}

/** Grants in force whose accounts belong on another server now; those of other logins on this one are none of them. */
function grantsElsewhere({ host, port }: ServerPlace, { accounts }: Topology): ReadonlySet<Key> {
  const others = accounts.filter(({ server }) => server.host !== host || server.port !== port);
  return new Set(others.map(({ grant }) => grant));
}

function presentGrants(resources: Resources): ReadonlySet<Key> {
  const held = resources.held.filter(({ kind }) => kind === 'DatabaseGrant').map(({ key }) => key);
  return new Set([...resources.grants.keys(), ...held]);
}

const NOBODY: ReadonlySet<string> = new Set();

function allowances(resources: Resources): ReadonlyMap<Key, number> {
  const allowed = new Map<Key, number>();
  for (const [key, { metadata }] of resources.grants) {
    const count = Number(metadata.annotations?.[ALLOW_REMOVAL] ?? Number.NaN);
    if (Number.isInteger(count) && count > 0) allowed.set(key, count);
  }
  return allowed;
}
