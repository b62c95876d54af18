/** TLS and the PROXY protocol as keywords of a server line, and the files that they name. */
import type { Pool, ServerTLS, Transport } from '../topology/topology.ts';
import { secretFileOf } from './certificates.ts';
import { authorityFile } from './names.ts';
import type { SecretFile } from './proxy.ts';
import { quote } from './quote.ts';

/** The authorities that the host of the load balancer trusts. */
const SYSTEM = '@system-ca';

/** OpenSSL speaks versions before 1.2 at security level 0 only; the level holds for this server alone. */
const profiles: Readonly<Record<ServerTLS['profile'], string>> = {
  Modern: 'ssl-min-ver TLSv1.2',
  Legacy: 'ssl-min-ver TLSv1.0 ciphers DEFAULT:@SECLEVEL=0',
};

/** A server that is added at run time takes nothing over for its checks, so each says the same to them. */
const proxyWords = {
  V1: 'send-proxy check-send-proxy',
  V2: 'send-proxy-v2 check-send-proxy',
} as const;

/**
 * Keywords for the file and for `add server`, with a space before each; empty for a server that is spoken to in clear.
 * Source: HAProxy configuration manual 5.2, "ssl", "verify", "sni", "check-ssl", "send-proxy".
 */
export function transportKeywords(transport: Transport | undefined): string {
  if (transport === undefined) return '';
  const { tls, proxyProtocol } = transport;
  const words = [
    ...(tls === undefined ? [] : tlsWords(tls)),
    ...(proxyProtocol === undefined ? [] : [proxyWords[proxyProtocol]]),
  ];
  return words.map((word) => ` ${word}`).join('');
}

function tlsWords({ profile, ca, serverName }: ServerTLS): readonly string[] {
  const file = ca === undefined ? SYSTEM : authorityFile(ca.secret);
  const words = ['ssl check-ssl verify required', `ca-file ${file}`, profiles[profile]];
  if (serverName === undefined) return words;
  const name = quote('name', serverName);
  return [...words, `sni str(${name}) check-sni ${name} verifyhost ${name}`];
}

/** The authorities that servers of pools are verified with. */
export function* transportFiles(pools: Iterable<Pool>): Generator<readonly [string, SecretFile]> {
  for (const { servers } of pools) {
    for (const { transport } of servers) {
      if (transport?.tls?.ca !== undefined) yield secretFileOf(transport.tls.ca, 'authority');
    }
  }
}
