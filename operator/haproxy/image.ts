/**
 * The recovery image: the files from which a HAProxy that starts now would be right at once.
 */
import { changedKeys } from '../api/stable.ts';
import { ROUTES_FILE } from './frontend.ts';
import { socketAddress } from './names.ts';
import type { BackendConfig, ProxyConfig, ServerConfig } from './proxy.ts';
import { quote } from './quote.ts';
import { ROOM_SECTION, roomSection } from './room.ts';

/** Name of the main file. */
export const CONFIG_FILE = 'haproxy.cfg';

/** What of a configuration runs. */
export interface Running {
  /** Backend name → servers that are there. */
  readonly backends: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
  /** List → lines that are there. */
  readonly certificateLists: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
}

/** Whether what runs makes the same image of a configuration: it shows which servers and lines are there, not how they are. */
export function showsTheSame(one: Running, other: Running): boolean {
  return sameNames(one.backends, other.backends) && sameNames(one.certificateLists, other.certificateLists);
}

type Names = ReadonlyMap<string, ReadonlyMap<string, unknown>>;

function sameNames(one: Names, other: Names): boolean {
  return changedKeys(one, other).every((key) => sameKeys(one.get(key), other.get(key)));
}

function sameKeys(one = NO_KEYS, other = NO_KEYS): boolean {
  return one.size === other.size && [...one.keys()].every((key) => other.has(key));
}

const NO_KEYS: ReadonlyMap<string, unknown> = new Map();
const NOTHING: Running = { backends: new Map(), certificateLists: new Map() };

/**
 * haproxy.cfg with its server lines. A server that first has to pass a check is only in it when it runs already: from
 * the file it would be born serving.
 */
export function configFile(config: ProxyConfig, running: Running = NOTHING): string {
  let servers = 0;
  const texts = sectionsOf(config.skeleton).map(({ text, name }) => {
    const backend = name === undefined ? undefined : config.backends.get(name);
    if (backend === undefined) return text;
    const { count, lines } = serversOf(backend, running.backends.get(backend.name));
    servers += count;
    return text + lines;
  });
  return [roomSection(config.room, servers), ...texts].join('');
}

/** What `configFile` adds to a skeleton taken away again. */
export function skeletonIn(file: string): string {
  return file.replace(ROOM_SECTION, '').replaceAll(/^ {2}server \S+_\S+ .*\n/gm, '');
}

/** A part of a skeleton; `name` of a backend. */
interface Section {
  readonly text: string;
  readonly name?: string;
}

let cut: { readonly skeleton: string; readonly sections: readonly Section[] } | undefined;

/** A skeleton, which stays the same for long, in front of each backend and behind it. */
function sectionsOf(skeleton: string): readonly Section[] {
  if (cut?.skeleton !== skeleton) {
    const texts = skeleton.split(/(?<=^|\n)(backend \S+\n(?:  .*\n)*)/);
    cut = { skeleton, sections: texts.map((text) => ({ text, ...nameIn(text) })) };
  }
  return cut.sections;
}

function nameIn(text: string): { name?: string } {
  const name = /^backend (\S+)\n/.exec(text)?.[1];
  return name === undefined ? {} : { name };
}

/** All files of the image: name → content. */
export function imageFiles(config: ProxyConfig, running: Running = NOTHING): ReadonlyMap<string, string> {
  return new Map([
    ...config.files,
    [ROUTES_FILE, routesFile(config.routes)],
    ...[...config.certificateLists].map(
      ([list, lines]) => [list, listFile(lines, running.certificateLists.get(list))] as const,
    ),
    [CONFIG_FILE, configFile(config, running)],
  ]);
}

/** A certificate that HAProxy has not accepted yet must not be able to stop it from starting, so it is not in the file. */
function listFile(lines: ReadonlySet<string>, running: ReadonlyMap<string, unknown> | undefined): string {
  return [...lines]
    .filter((line) => running?.has(line) === true)
    .map((line) => `${line}\n`)
    .toSorted()
    .join('');
}

const routesTexts = new WeakMap<ReadonlyMap<string, string>, string>();

/** The routing map as a file; sorted, so that the same routes are the same bytes. */
export function routesFile(routes: ReadonlyMap<string, string>): string {
  const before = routesTexts.get(routes);
  if (before !== undefined) return before;
  const lines = [...routes].map(([key, value]) => `${key} ${value}\n`);
  const text = lines.toSorted().join('');
  routesTexts.set(routes, text);
  return text;
}

/** The servers of a backend that are in the file. */
interface ServerLines {
  readonly running: unknown;
  readonly count: number;
  readonly lines: string;
}

const known = new WeakMap<BackendConfig, ServerLines>();

function serversOf(backend: BackendConfig, running: ReadonlyMap<string, unknown> | undefined): ServerLines {
  const before = known.get(backend);
  if (before !== undefined && before.running === running) return before;
  const servers = [...backend.servers.values()].filter(
    (server) => !server.probeFirst || running?.has(server.name) === true,
  );
  const lines = servers.map((server) => `  ${serverLine(server)}\n`).join('');
  const found = { running, count: servers.length, lines };
  known.set(backend, found);
  return found;
}

/** A server that waits in maintenance has to be born so; drain comes back from the state file. */
function serverLine(server: ServerConfig): string {
  const disabled = server.admin === 'maint' ? ' disabled' : '';
  return `server ${quote('name', server.name)} ${socketAddress(server.address, server.port)}${ownKeywords(server)}${disabled}`;
}

/** Keywords of one server, without those of its backend. */
export function ownKeywords(server: ServerConfig): string {
  const maxConnections = server.maxConnections === 0 ? '' : ` maxconn ${server.maxConnections}`;
  return ` weight ${server.weight}${maxConnections}${server.backup ? ' backup' : ''}${server.fixed}`;
}
