/** Certificates for tests, made by the openssl program. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface PairOptions {
  /** Subject; the first of `names` by default. */
  readonly commonName?: string;
  /** Further fields of the subject, for example `/O=Example`. */
  readonly subject?: string;
  /** `rsa:BITS` or `ec:CURVE`. Default: `ec:prime256v1`, which is quick to make. */
  readonly key?: string;
  readonly digest?: 'sha1' | 'sha256';
  /** Default: signed by itself. */
  readonly issuer?: Pair;
  /** An authority may sign others. */
  readonly authority?: boolean;
  /** Days until it ends; a negative number is an end in the past. Default: 30. */
  readonly days?: number;
}

/** A new certificate for these DNS names. */
export function certificateFor(names: readonly string[], options: PairOptions = {}): Pair {
  const folder = mkdtempSync(join(tmpdir(), 'webpool-certificate-'));
  try {
    return make(folder, names, options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function openssl(...words: readonly string[]): void {
  execFileSync('openssl', words, { stdio: ['ignore', 'pipe', 'pipe'] });
}

function make(folder: string, names: readonly string[], options: PairOptions): Pair {
  const at = (name: string) => join(folder, name);
  const [certificate, key] = [at('certificate'), at('key')];
  const { key: kind = 'ec:prime256v1', days = 30, issuer } = options;
  const [type = '', size = ''] = kind.split(':');
  const parameter = type === 'rsa' ? 'rsa_keygen_bits' : 'ec_paramgen_curve';
  openssl('genpkey', '-algorithm', type, '-pkeyopt', `${parameter}:${size}`, '-out', key);
  if (issuer !== undefined) writeFileSync(at('issuer'), `${issuer.certificate}${issuer.key}`);
  const signing = issuer === undefined ? [] : ['-CA', at('issuer')];
  const words = ['req', '-x509', '-new', '-key', key, '-out', certificate, '-days', `${Math.max(days, 1)}`];
  openssl(...words, ...subjectWords(names, options), ...signing);
  if (days < 0) signAgain(at, days);
  return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
}

const AUTHORITY = `[ca]
default_ca = own
[own]
database = DIR/index
serial = DIR/serial
new_certs_dir = DIR
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
`;

/** The same certificate with an end in the past, which `req` cannot give. */
function signAgain(at: (name: string) => string, days: number): void {
  const date = (day: number) =>
    `${new Date(Date.now() + day * 86_400_000).toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`;
  writeFileSync(at('index'), '');
  writeFileSync(at('serial'), '01\n');
  writeFileSync(at('config'), AUTHORITY.replaceAll('DIR', at('.')));
  const [certificate, key, asked] = [at('certificate'), at('key'), at('request')];
  openssl('x509', '-x509toreq', '-copy_extensions', 'copyall', '-in', certificate, '-signkey', key, '-out', asked);
  const dates = ['-startdate', date(days - 30), '-enddate', date(days)];
  const words = ['ca', '-selfsign', '-batch', '-notext', '-config', at('config'), '-keyfile', key, '-in', asked];
  openssl(...words, ...dates, '-out', certificate);
}

function subjectWords(names: readonly string[], options: PairOptions): readonly string[] {
  const { commonName = names[0] ?? 'test', subject = '', digest = 'sha256', authority = false } = options;
  const alternatives = `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`;
  return [
    `-${digest}`,
    '-subj',
    `/CN=${commonName}${subject}`,
    ...(names.length === 0 ? [] : ['-addext', alternatives]),
    ...(authority ? [] : ['-addext', 'basicConstraints=critical,CA:FALSE']),
  ];
}

/** The values of a kubernetes.io/tls Secret. */
export function tlsSecret({ certificate, key }: Pair): ReadonlyMap<string, string> {
  return new Map([
    ['tls.crt', certificate],
    ['tls.key', key],
  ]);
}
