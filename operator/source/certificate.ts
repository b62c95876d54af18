/** What a Secret's certificates are, without their text. In: the values of a Secret. Out: facts, or why they cannot be used. */
import { createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { certificateInForce, type CertificateInfo, type SecretInfo } from '../api/resources.ts';

type Values = ReadonlyMap<string, string>;

/** A command of HAProxy's runtime socket, and so the PEM that it sets, has to fit 16 KiB (bytes). */
const LONGEST = 14_000;

/** Smaller keys are refused by the level of security that OpenSSL keeps for clients. Bits. */
const SHORTEST_RSA = 2048;
const CURVES: readonly string[] = ['prime256v1', 'secp384r1', 'secp521r1'];

/** The object identifier 1.2.840.113549.1.1.5 (sha1WithRSAEncryption) and 1.2.840.10045.4.1 (ecdsa-with-SHA1) in DER. */
const SHA1_SIGNATURES = [Buffer.from('06092a864886f70d010105', 'hex'), Buffer.from('06072a8648ce3d0401', 'hex')];

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const KEY_BLOCKS = /-----BEGIN [A-Z ]*PRIVATE KEY-----/g;

/** The texts of a Secret that are in force, and what its certificates are. */
export interface SecretContents extends Certificates {
  readonly values: Values;
}

type Certificates = Pick<SecretInfo, 'certificate' | 'authority'>;

const NOTHING: Values = new Map();

/** Keys whose texts only make sense together. */
const PARTS = { certificate: ['tls.crt', 'tls.key'], authority: ['ca.crt'] } as const;

/**
 * What comes of new texts: a certificate that cannot be used gives way to the one before it, whose texts stay too, for whoever renews
 * certificates may fail at it. `before` is what was in force; without it, `remembered` are the texts that an earlier process had in force.
 */
export function secretContents(
  newest: Values,
  before: SecretContents | undefined,
  remembered: Values = NOTHING,
): SecretContents {
  const found = certificatesOf(newest);
  const values = new Map(newest);
  const certificates: { certificate?: CertificateInfo; authority?: CertificateInfo } = { ...found };
  for (const kind of ['certificate', 'authority'] as const) {
    if (certificateInForce(found[kind]) !== undefined) continue;
    const last = before ?? partOf(kind, remembered);
    const lastGood = certificateInForce(last[kind]);
    if (lastGood === undefined) continue;
    const lacking = `it lacks ${PARTS[kind].join(' and ')}.`;
    const problem = found[kind] !== undefined && 'problem' in found[kind] ? found[kind].problem : lacking;
    certificates[kind] = { problem, lastGood };
    for (const key of PARTS[kind]) values.set(key, last.values.get(key) ?? '');
  }
  return { values, ...certificates };
}

/** What stands in texts of one kind alone: to read a certificate costs too much to do it for nothing at every start. */
function partOf(kind: keyof typeof PARTS, values: Values): SecretContents {
  const keys: readonly string[] = PARTS[kind];
  const own = new Map([...values].filter(([key]) => keys.includes(key)));
  return { values: own, ...certificatesOf(own) };
}

/** What stands under `tls.crt`, `tls.key` and `ca.crt`, as far as it is there. */
export function certificatesOf(values: Values): Certificates {
  const [chain, key, bundle] = ['tls.crt', 'tls.key', 'ca.crt'].map((name) => values.get(name));
  return {
    ...(chain !== undefined && key !== undefined && { certificate: certificateOf(chain, key) }),
    ...(bundle !== undefined && { authority: authorityOf(bundle) }),
  };
}

/** A certificate, the chain behind it, and the key that belongs to it. */
function certificateOf(text: string, keyText: string): CertificateInfo {
  const chain = parseAll(text, 'tls.crt');
  if ('problem' in chain) return chain;
  if (text.includes('PRIVATE KEY-----'))
    return { problem: 'tls.crt holds a private key. It belongs into tls.key alone.' };
  const key = parseKey(keyText);
  if ('problem' in key) return key;
  const [leaf, ...issuers] = chain.certificates;
  if (leaf === undefined) return { problem: 'tls.crt holds no certificate.' };
  if (!leaf.checkPrivateKey(key.key)) {
    const fits = issuers.some((issuer) => issuer.checkPrivateKey(key.key));
    const way = fits ? 'Put the certificate of the server first, its issuers after it.' : 'Use the pair of one issue.';
    return { problem: `tls.key does not belong to the first certificate of tls.crt. ${way}` };
  }
  return (
    weakness(leaf, key.key) ??
    tooLong(text + keyText) ??
    refusal(chain.certificates, key.key) ?? {
      fingerprint: fingerprintOf(chain.certificates),
      notAfter: endOf([leaf]),
      names: namesOf(leaf),
    }
  );
}

function authorityOf(text: string): CertificateInfo {
  const bundle = parseAll(text, 'ca.crt');
  if ('problem' in bundle) return bundle;
  return (
    tooLong(text) ?? {
      fingerprint: fingerprintOf(bundle.certificates),
      notAfter: endOf(bundle.certificates),
      names: [],
    }
  );
}

type Parsed = { readonly certificates: readonly X509Certificate[] } | { readonly problem: string };

function parseAll(text: string, name: string): Parsed {
  const blocks = text.match(CERTIFICATES) ?? [];
  if (blocks.length === 0)
    return { problem: `${name} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----).` };
  try {
    return { certificates: blocks.map((block) => new X509Certificate(block)) };
  } catch {
    return { problem: `${name} holds a certificate that cannot be read. Was it cut or changed by an editor?` };
  }
}

function parseKey(text: string): { readonly key: KeyObject } | { readonly problem: string } {
  const blocks = text.match(KEY_BLOCKS) ?? [];
  if (blocks.length !== 1)
    return { problem: `tls.key holds ${blocks.length} private keys in PEM form; it has to be one.` };
  if (text.includes('ENCRYPTED')) return { problem: 'tls.key is encrypted. Write it without a passphrase.' };
  try {
    return { key: createPrivateKey(text) };
  } catch {
    return { problem: 'tls.key holds a private key that cannot be read.' };
  }
}

/** Why TLS clients of today, or OpenSSL for them, would refuse it; undefined when they would not. */
function weakness(leaf: X509Certificate, key: KeyObject): CertificateInfo | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (type === 'rsa') {
    const bits = details.modulusLength ?? 0;
    if (bits < SHORTEST_RSA) return { problem: `tls.key has ${bits} bits; at least ${SHORTEST_RSA} are needed.` };
  } else if (type !== 'ec' || !CURVES.includes(details.namedCurve ?? '')) {
    return { problem: 'tls.key is of a kind that not every client knows. Use RSA, or ECDSA on P-256, P-384 or P-521.' };
  }
  const selfSigned = leaf.subject === leaf.issuer;
  if (!selfSigned && SHA1_SIGNATURES.some((signature) => leaf.raw.includes(signature))) {
    return { problem: 'tls.crt is signed with SHA-1, which clients refuse. Have it issued again.' };
  }
  return undefined;
}

/** What OpenSSL itself, which HAProxy asks too, says of the whole: for example of an issuer with a short key. */
function refusal(certificates: readonly X509Certificate[], key: KeyObject): CertificateInfo | undefined {
  const cert = certificates.map(String).join('');
  try {
    createSecureContext({ cert, key: key.export({ type: 'pkcs8', format: 'pem' }), ciphers: 'DEFAULT:@SECLEVEL=2' });
    return undefined;
  } catch (error) {
    const words = error instanceof Error ? error.message : '';
    return { problem: `OpenSSL refuses it (${words.replace(/^error:[^:]*:[^:]*::/, '')}). Have it issued again.` };
  }
}

function tooLong(text: string): CertificateInfo | undefined {
  const bytes = Buffer.byteLength(text);
  return bytes <= LONGEST
    ? undefined
    : { problem: `it has ${bytes} bytes; at most ${LONGEST} fit. Leave out certificates that are not needed.` };
}

/** A certificate names its public key, so another key is another certificate. */
function fingerprintOf(certificates: readonly X509Certificate[]): string {
  const hash = createHash('sha256');
  for (const { raw } of certificates) hash.update(raw);
  return hash.digest('hex').slice(0, 32);
}

/** RFC 3339. */
function endOf(certificates: readonly X509Certificate[]): string {
  const ends = certificates.map(({ validTo }) => Date.parse(validTo));
  return `${new Date(Math.min(...ends)).toISOString().slice(0, 19)}Z`;
}

function namesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName
    .split(', ')
    .map((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1])
    .filter((name) => name !== undefined);
}
