/**
 * Changes as commands of HAProxy's runtime socket.
 * Source: HAProxy management guide 9.3.
 */
import { ROUTES_FILE } from './frontend.ts';
import { ownKeywords } from './image.ts';
import { socketAddress } from './names.ts';
import type { ProxyChange } from './proxy.ts';
import { quote } from './quote.ts';

type RuntimeChange = Exclude<ProxyChange, { kind: 'reload' | 'replace-routes' | 'set-secret' }>;
type Commands = { readonly [K in RuntimeChange['kind']]: (change: Extract<RuntimeChange, { kind: K }>) => string[] };

const target = (change: { backend: string; server: string }) =>
  `${quote('name', change.backend)}/${quote('name', change.server)}`;

const commands: Commands = {
  'add-server': ({ backend, server }) => {
    const name = target({ backend: backend.name, server: server.name });
    const born = server.admin === 'ready' && server.probeFirst ? 'drain' : server.admin;
    return [
      `add server ${name} ${socketAddress(server.address, server.port)} ${backend.keywords}${ownKeywords(server)}`,
      `enable health ${name}`,
      ...cookieCommands(backend.name, backend.dynamicCookieKey),
      ...(born === 'maint' ? [] : [`set server ${name} state ${born}`]),
    ];
  },
  'set-weight': (change) => [`set server ${target(change)} weight ${change.weight}`],
  'set-max-connections': (change) => [`set maxconn server ${target(change)} ${change.maxConnections}`],
  'set-state': (change) => [`set server ${target(change)} state ${change.state}`],
  'enable-health': (change) => [`enable health ${target(change)}`],
  'shutdown-sessions': (change) => [`shutdown sessions server ${target(change)}`],
  'delete-server': (change) => [`del server ${target(change)}`],
  'add-certificate-line': ({ list, line }) => [`add ssl crt-list ${quote('name', list)} <<\n${line}\n`],
  'delete-certificate-line': ({ list, line, number }) => [
    `del ssl crt-list ${quote('name', list)} ${quote('name', line.split(' ', 1)[0] ?? '')}:${number}`,
  ],
  'delete-certificate': ({ name }) => [`del ssl cert ${quote('name', name)}`],
};

/** A server that joins at run time has no cookie until its backend is told again (2.6). */
function cookieCommands(backend: string, key: string | undefined): readonly string[] {
  if (key === undefined) return [];
  const name = quote('name', backend);
  return [`enable dynamic-cookie backend ${name}`, `set dynamic-cookie-key backend ${name} ${quote('name', key)}`];
}

/** The commands of one change, to be run one after the other. */
export function runtimeCommands(change: RuntimeChange): readonly string[] {
  // The table has one entry a kind; TypeScript cannot see that the entry fits the change that chose it.
  const make = commands[change.kind] as (change: RuntimeChange) => string[];
  return make(change);
}

type SecretChange = Extract<ProxyChange, { kind: 'set-secret' }>;

const secretWords: Readonly<Record<SecretChange['file']['holds'], string>> = {
  certificate: 'cert',
  authority: 'ca-file',
};

/**
 * The commands that put the text of a Secret into a running HAProxy; connections that are open keep what they have. What is refused is
 * given up, because HAProxy takes nothing else as long as it is not. `text` is PEM without blank lines.
 */
export function secretCommands({ name, file, isNew }: SecretChange, text: string): readonly string[] {
  const what = `${secretWords[file.holds]} ${quote('name', name)}`;
  return [
    ...(isNew ? [`new ssl ${what}`] : []),
    `set ssl ${what} <<\n${text.trimEnd()}\n`,
    `commit ssl ${what}`,
    `abort ssl ${what}`,
  ];
}

/** What an answer says that is not an error. */
const FINE = new RegExp(
  [
    '^$',
    '^New server registered\\.$',
    '^Server deleted\\.$',
    '^New (empty certificate store|CA file created) .*!$',
    '^[Tt]ransaction (created|updated) for .*!$',
    'Success!$',
    '^No ongoing transaction!$',
    '^Transaction aborted for .*!$',
    "^(Entry|Certificate) '.*' deleted.*!$",
  ].join('|'),
);

/** Whether the answer of a command of `runtimeCommands` means that it was done. */
export function isDone(answer: string): boolean {
  // Each line of a payload was answered with a prompt of its own.
  return FINE.test(answer.replace(/^(?:\+ )+/, '').trim());
}

/** Longest payload of one command (bytes): command and payload must fit HAProxy's buffer of 16 KiB. */
const PAYLOAD = 14_000;

export const PREPARE_ROUTES = `prepare map ${ROUTES_FILE}`;
export const SHOW_ROUTES = `show map ${ROUTES_FILE}`;

/** Names of the files with certificates and authorities, and of the lists. */
export const SHOW_SECRETS = ['show ssl cert', 'show ssl ca-file'];
export const SHOW_LISTS = 'show ssl crt-list';

/** What is remembered of clients, and whether it is all. */
export const SHOW_TABLES = 'show table';
export const SHOW_PEERS = 'show peers webpool';

/** The lines of one list, with their numbers. */
export function showList(name: string): string {
  return `show ssl crt-list -n ${quote('name', name)}`;
}

/** The version that `PREPARE_ROUTES` was answered with; undefined for any other answer. */
export function preparedVersion(answer: string): number | undefined {
  const version = /New version created: (\d+)/.exec(answer)?.[1];
  return version === undefined ? undefined : Number(version);
}

/** The commands that fill a prepared version. Nothing of it is in force before `commitRoutes`. */
export function fillRoutes(routes: ReadonlyMap<string, string>, version: number): readonly string[] {
  const chunks: string[] = [];
  let lines = '';
  for (const [key, value] of routes) {
    const line = `${key} ${value}\n`;
    if (lines.length + line.length > PAYLOAD && lines !== '') {
      chunks.push(lines);
      lines = '';
    }
    lines += line;
  }
  if (lines !== '') chunks.push(lines);
  return chunks.map((chunk) => `add map @${version} ${ROUTES_FILE} <<\n${chunk}`);
}

/** The command that puts a version in force, all at once. */
export function commitRoutes(version: number): string {
  return `commit map @${version} ${ROUTES_FILE}`;
}
