/** Who the client is and what it asked for: what we believe, and what servers learn. */
import type { Listener } from '../topology/topology.ts';
import { quote } from './quote.ts';

/** Load balancers in front of each other that are looked behind. */
const MOST_HOPS = 8;
/** A line of haproxy.cfg has at most 64 words. */
const RANGES_A_LINE = 16;

/** Begin of what servers read about a client's certificate: nobody else may say it. */
export const CLIENT_HEADERS = 'X-SSL-Client-';

/**
 * Expressions for names of headers, in lower case as HAProxy has those of clients. A CGI program reads a name with `_` for each character
 * that is no letter or digit, so it could not tell X_Forwarded_For from ours.
 */
const inAnySpelling = (prefix: string) => prefix.toLowerCase().replaceAll('-', '[^a-z0-9]');
const FORWARDED = `${inAnySpelling('X-Forwarded-')}|forwarded$`;
/** Under this spelling no load balancer says anything, so it comes from its client. */
const MISSPELT = 'x[^a-z0-9-]forwarded[^a-z0-9]|x-forwarded[^a-z0-9-]';
const NEVER_THEIRS = `${inAnySpelling(CLIENT_HEADERS)}|http2-settings$`;

/** All of them in one look, which costs less than one for each. */
function dropHeaders(...names: readonly string[]): string {
  return `http-request del-header ${quote('string', `^(${names.join('|')})`)} -m reg`;
}

/**
 * What a client says of its connection to us, which is none of a server's business: a server that is a load balancer itself would leave
 * out the headers of ours that it names. But for an upgrade; not to HTTP/2, over which requests would come that no rule has seen.
 * Source: RFC 9110 §7.6.1, RFC 7540 §3.2.1.
 */
export const CONNECTION_LINES: readonly string[] = [
  'http-request del-header Upgrade if { req.hdr(upgrade) -i h2c }',
  'http-request del-header Connection unless { req.hdr(upgrade) -m found } { req.hdr(connection) -i upgrade }',
  'http-request set-header Connection Upgrade if { req.hdr(connection) -m found }',
];

/**
 * Lines of a frontend. What a client says of itself would be believed by servers, so it goes; what a trusted load balancer
 * says stays.
 */
export function forwardedLines({ protocol, port, trustedSources = [] }: Omit<Listener, 'routes'>): string[] {
  const ours = [
    ['X-Forwarded-Proto', protocol === 'HTTPS' ? 'https' : 'http'],
    ['X-Forwarded-Host', '%[var(txn.host)]'],
    ['X-Forwarded-Port', String(port)],
  ] as const;
  if (trustedSources.length === 0) {
    return [
      dropHeaders(NEVER_THEIRS, FORWARDED),
      'http-request add-header X-Forwarded-For %[src]',
      ...ours.map(([name, value]) => `http-request add-header ${name} ${value}`),
    ];
  }
  const trusted = '{ var(txn.peer) -m found }';
  return [
    ...trustLines(trustedSources),
    'http-request set-var(txn.peer) src if trusted',
    // While the last address that is known is one of theirs, the one before it is nearer to the client. Before what is no address
    // there may stand what a client likes.
    ...Array.from({ length: MOST_HOPS }, (_, hop) => `req.hdr_ip(x-forwarded-for,-${hop + 1})`).flatMap((address) => [
      `http-request set-var(txn.lost) bool(true) if trusted !{ ${address} -m found }`,
      `http-request set-src ${address} if trusted !{ var(txn.lost) -m found }`,
    ]),
    dropHeaders(NEVER_THEIRS, MISSPELT),
    `${dropHeaders(FORWARDED)} unless ${trusted}`,
    `http-request add-header X-Forwarded-For %[var(txn.peer)] if ${trusted}`,
    `http-request set-header X-Forwarded-For %[src] unless ${trusted}`,
    ...ours.map(([name, value]) => {
      return `http-request set-header ${name} ${value} unless ${trusted} { req.hdr_cnt(${name}) gt 0 }`;
    }),
  ];
}

function trustLines(ranges: readonly string[]): string[] {
  const count = Math.ceil(ranges.length / RANGES_A_LINE);
  return Array.from({ length: count }, (_, index) => {
    const part = ranges.slice(index * RANGES_A_LINE, (index + 1) * RANGES_A_LINE);
    return `acl trusted src ${part.map((range) => quote('token', range)).join(' ')}`;
  });
}
