/**
 * Certificates of HTTPS listeners: which files HAProxy needs, and the lists that say which host gets which.
 * In: listeners. Out: names and lines; the text of a Secret is asked for where it is written.
 */
import type { Listener, SecretRef, Site, SiteTLS } from '../topology/topology.ts';
import { authorityFile, certificateFile, digest, frontendName } from './names.ts';
import type { SecretFile } from './proxy.ts';
import { quote } from './quote.ts';

/** What HAProxy needs of the certificates of all listeners. */
export interface CertificateConfig {
  readonly secretFiles: ReadonlyMap<string, SecretFile>;
  /** List → its lines: what may change at run time. */
  readonly lists: ReadonlyMap<string, ReadonlySet<string>>;
}

/** One line of a list: a certificate, the terms of a connection with it, and the hosts that get it. */
export interface CertificateLine {
  readonly file: string;
  /** Sorted `option value`. */
  readonly options: readonly string[];
  /** Sorted. */
  readonly hosts: readonly string[];
}

/** Hosts on one line; a line has to fit one command. */
const MOST_HOSTS = 50;

/** A name that nobody asks for: without any, a line would stand for the names in its certificate. */
const NO_HOST = 'default.webpool.invalid';

/** The list of a listener that run-time changes go to. */
export function listName(port: number): string {
  return `${frontendName('HTTPS', port)}.list`;
}

/** A list of ours, and of which port. */
export function isListName(name: string): boolean {
  return /^https_\d+\.list$/.test(name);
}

/** Whether a host of a listener asks for client certificates. */
export function asksClients({ sites = [] }: Pick<Listener, 'sites'>): boolean {
  return sites.some(({ tls }) => tls.clientCA !== undefined);
}

/** The files and lists of all HTTPS listeners. */
export function certificateConfig(listeners: readonly Listener[]): CertificateConfig {
  const secretFiles = new Map<string, SecretFile>();
  const lists = new Map<string, ReadonlySet<string>>();
  for (const { port, sites } of listeners) {
    if (sites === undefined) continue;
    for (const { tls } of sites) addFiles(secretFiles, tls);
    lists.set(listName(port), new Set(linesOf(sites.filter(({ host }) => host !== undefined)).map(lineText)));
  }
  return { secretFiles, lists };
}

function addFiles(files: Map<string, SecretFile>, { certificates, clientCA }: SiteTLS): void {
  const all = [
    ...certificates.map((ref) => secretFileOf(ref, 'certificate')),
    ...(clientCA === undefined ? [] : [secretFileOf(clientCA, 'authority')]),
  ];
  for (const [name, file] of all) files.set(name, file);
}

/**
 * The list for clients that name no host or an unknown one; undefined when nobody serves them. HAProxy takes its default
 * from the first line that it loads, so this list is not changed at run time: what it holds may be.
 */
export function defaultList({ sites = [] }: Pick<Listener, 'sites'>): { name: string; text: string } | undefined {
  const site = sites.find(({ host }) => host === undefined);
  if (site === undefined) return undefined;
  const text = linesOf([{ ...site, host: NO_HOST }])
    .map((line) => `${lineText(line)}\n`)
    .join('');
  return { name: `default_${digest(text)}.list`, text };
}

function linesOf(sites: readonly Site[]): readonly CertificateLine[] {
  const hosts = new Map<string, { readonly file: string; readonly options: readonly string[]; hosts: string[] }>();
  for (const { host = NO_HOST, tls } of sites) {
    for (const { secret } of tls.certificates) {
      const [file, options] = [certificateFile(secret), optionsOf(tls)];
      const key = [file, ...options].join(' ');
      const known = hosts.get(key);
      if (known === undefined) hosts.set(key, { file, options, hosts: [host] });
      else known.hosts.push(host);
    }
  }
  return [...hosts.values()].flatMap(({ hosts: all, ...line }) => {
    const sorted = all.toSorted();
    const parts = Array.from({ length: Math.ceil(sorted.length / MOST_HOSTS) }, (_, part) =>
      sorted.slice(part * MOST_HOSTS, (part + 1) * MOST_HOSTS),
    );
    return parts.map((part) => ({ ...line, hosts: part }));
  });
}

/** OpenSSL speaks versions before 1.2 at security level 0 only; the level holds for this host alone. */
const OLD_VERSIONS: ReadonlySet<SiteTLS['minVersion']> = new Set(['TLSv1.0', 'TLSv1.1']);

function optionsOf({ minVersion, clientCA }: SiteTLS): readonly string[] {
  return [
    `ssl-min-ver ${minVersion}`,
    ...(OLD_VERSIONS.has(minVersion) ? ['ciphers DEFAULT:@SECLEVEL=0'] : []),
    ...(clientCA === undefined ? [] : ['verify required', `ca-file ${authorityFile(clientCA.secret)}`]),
  ].toSorted();
}

/** A line as a list has it; equal lines are equal texts. */
export function lineText({ file, options, hosts }: CertificateLine): string {
  return `${quote('name', file)} [${options.join(' ')}] ${hosts.map((host) => quote('token', host)).join(' ')}`;
}

/** The words of such a line, of its options too: the files that it names are among them. */
export function wordsIn(line: string): readonly string[] {
  return line.split(/[ [\]]/);
}

/** The name under which a host's TLS is known to the routing map. */
export function siteId(tls: SiteTLS): string {
  return digest(JSON.stringify(tls));
}

/** Which terms a host is served on: `tls|PORT|HOST` → their name. */
export function siteEntries({ port, sites = [] }: Listener): readonly (readonly [string, string])[] {
  return sites.map(({ host = '*', tls }) => [`tls|${port}|${quote('token', host)}`, siteId(tls)]);
}

/** The file of a Secret, with what the driver has to know to write it. */
export function secretFileOf(ref: SecretRef, holds: SecretFile['holds']): readonly [string, SecretFile] {
  return [holds === 'certificate' ? certificateFile(ref.secret) : authorityFile(ref.secret), { ...ref, holds }];
}
