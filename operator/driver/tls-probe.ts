/** What a server offers whose TLS handshake fails, so that the status can name it. In: addresses. Out: one sentence each. */
import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';

/** Who is asked. */
export interface ProbeTarget {
  readonly address: string;
  readonly port: number;
}

/** Looks at servers from time to time, for as long as they are wanted. */
export interface TlsProbe {
  /** Those that fail now; the others are forgotten. */
  want(targets: readonly ProbeTarget[]): void;
  /** `address port` → what was seen. Another object whenever one of them changed. */
  readonly answers: ReadonlyMap<string, string>;
}

/** Milliseconds. */
const TIMEOUT = 5000;
const AGAIN = 60_000;
/** Targets that are asked at all: the status shows no more failing servers of a pool than these. */
const MOST_TARGETS = 16;

const SHORTEST_RSA = 2048;
const SHA1_WITH_RSA = Buffer.from('06092a864886f70d010105', 'hex');

/** A probe that has asked nobody yet. `onChange`: an answer is new. */
export function createTlsProbe(onChange: () => void): TlsProbe {
  const asked = new Map<string, number>();
  let answers: ReadonlyMap<string, string> = new Map();
  const ask = async (key: string, target: ProbeTarget) => {
    const answer = await probe(target);
    if (!asked.has(key) || answers.get(key) === answer) return;
    answers = new Map(answers).set(key, answer);
    onChange();
  };
  return {
    want(targets) {
      const wanted = new Map(targets.slice(0, MOST_TARGETS).map((target) => [probeKey(target), target]));
      for (const key of asked.keys()) if (!wanted.has(key)) asked.delete(key);
      if ([...answers.keys()].some((key) => !wanted.has(key))) {
        answers = new Map([...answers].filter(([key]) => wanted.has(key)));
      }
      const now = performance.now();
      for (const [key, target] of wanted) {
        if (now - (asked.get(key) ?? -Infinity) < AGAIN) continue;
        asked.set(key, now);
        void ask(key, target);
      }
    },
    get answers() {
      return answers;
    },
  };
}

/** Key of a target in `answers`. */
export function probeKey({ address, port }: ProbeTarget): string {
  return `${address} ${port}`;
}

/** What the server offers when everything is allowed; nothing is sent and nobody is trusted. */
async function probe({ address, port }: ProbeTarget): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({
      host: address,
      port,
      rejectUnauthorized: false,
      minVersion: 'TLSv1',
      ciphers: 'DEFAULT:@SECLEVEL=0',
    });
    const settle = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(TIMEOUT, () => settle('it does not answer a TLS handshake'));
    socket.on('error', () => settle('it does not speak TLS on this port'));
    socket.on('secureConnect', () => {
      settle(describe(socket.getProtocol() ?? 'an unknown version', socket.getPeerX509Certificate()));
    });
  });
}

function describe(protocol: string, certificate: X509Certificate | undefined): string {
  const version = protocol === 'TLSv1' ? 'TLSv1.0' : protocol;
  if (certificate === undefined) return `it speaks ${version} and shows no certificate`;
  const issuer = certificate.checkIssued(certificate) ? 'itself' : oneLine(certificate.issuer);
  const seen = `it speaks ${version} and shows a certificate for ${oneLine(certificate.subject)}, signed by ${issuer}, good until ${certificate.validTo}`;
  const old = tooOld(version, certificate);
  return old.length === 0
    ? `${seen}: that is not by the authority of tls.caSecretName, not for tls.serverName, or over`
    : `${seen}: ${old.join(', ')} is too old for profile Modern. Renew it, or set tls.profile: Legacy with its certificate pinned by caSecretName`;
}

const OLD_VERSIONS: readonly string[] = ['TLSv1.0', 'TLSv1.1'];

function tooOld(version: string, { publicKey, raw }: X509Certificate): readonly string[] {
  const { asymmetricKeyDetails: { modulusLength = Infinity } = {} } = publicKey;
  return [
    ...OLD_VERSIONS.filter((old) => old === version),
    ...(modulusLength < SHORTEST_RSA ? [`a key of ${modulusLength} bits`] : []),
    ...(raw.includes(SHA1_WITH_RSA) ? ['a signature with SHA-1'] : []),
  ];
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, 120);
}
