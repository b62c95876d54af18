/**
 * The access log: one line of JSON for each request or Layer 4 connection. What clients send stands in it JSON-escaped by
 * HAProxy itself.
 */

/** Which requests are logged: none, all, or one of so many. */
export type AccessLog = 'Off' | 'Full' | { readonly oneOf: number };

/** Where its lines go: HAProxy's output, or a socket in its folder for whoever puts them into words. */
export interface AccessLogSettings {
  /** Default: Off. */
  readonly accessLog?: AccessLog;
  /** Default: Output. */
  readonly accessLogTo?: 'Output' | 'Socket';
}

/** The socket, relative to HAProxy's working directory; a line each, as `accessLogLine` takes them. */
export const ACCESS_SOCKET = 'access.sock';
const RING = 'webpool_access';
const LONGEST_LINE = 16_384;

/** The section that keeps the last lines until somebody reads them from the socket; nothing where nobody is to. */
export function accessLogSections({
  accessLog = 'Off',
  accessLogTo,
}: AccessLogSettings): readonly (readonly string[])[] {
  if (accessLog === 'Off' || accessLogTo !== 'Socket') return [];
  const lines = [
    'format raw',
    `maxlen ${LONGEST_LINE}`,
    'size 4194304',
    'timeout connect 1s',
    'timeout server 10s',
    `server reader unix@${ACCESS_SOCKET} log-proto legacy`,
  ];
  return [[`ring ${RING}`, ...lines]];
}

const text = (name: string, sample: string) => `"${name}":"%[${sample},json(utf8ps)]"`;

/** Of a direct route the rule stands behind the backend in the map; else router.lua says it. What is not there is `-`. */
const RULE = ['"rule":"%[var(txn.to),field(2,@)]"', '"rule2":"%[var(txn.rule)]"'];

const TIME = '"time":"%[date,utime(%Y-%m-%dT%H:%M:%SZ)]"';

const FORMATS = {
  http: [
    `"client":"%[src]"`,
    text('method', 'var(txn.log_method)'),
    text('host', 'var(txn.log_host)'),
    text('url', 'var(txn.log_url)'),
    `"status":%ST`,
    text('reason', 'var(txn.log_reason)'),
    ...RULE,
    `"pool":"%b"`,
    `"server":"%s"`,
    // Of a request whose time is limited these two are of the first pass, and what counts is said by the second.
    `"pool2":"%[var(txn.pool)]"`,
    `"server2":"%[var(txn.server)]"`,
    `"ms":{"request":%TR,"queue":%Tw,"connect":%Tc,"answer":%Tr,"total":%Ta}`,
    `"bytes":{"in":%U,"out":%B}`,
    `"retries":"%rc"`,
    `"end":"%ts"`,
  ],
  tcp: [
    `"client":"%[src]"`,
    ...RULE,
    `"pool":"%b"`,
    `"server":"%s"`,
    `"ms":{"queue":%Tw,"connect":%Tc,"total":%Tt}`,
    `"bytes":{"in":%U,"out":%B}`,
    `"retries":"%rc"`,
    `"end":"%ts"`,
  ],
} as const;

/**
 * The lines of a frontend that log as asked, under the name `listener` in HAProxy's log-format. A log that nobody reads still costs a tenth
 * of the requests.
 */
export function accessLogLines(mode: 'http' | 'tcp', settings: AccessLogSettings, listener = '%f'): readonly string[] {
  const { accessLog = 'Off', accessLogTo } = settings;
  if (accessLog === 'Off') return ['no log'];
  const sample = accessLog === 'Full' ? '' : ` sample 1:${accessLog.oneOf}`;
  const target = accessLogTo === 'Socket' ? `ring@${RING}` : 'stdout';
  return [
    `log ${target} len ${LONGEST_LINE} format raw${sample} local1 info`,
    'no option dontlog-normal',
    `log-format '{${[TIME, `"listener":"${listener}"`, ...FORMATS[mode]].join(',')}}'`,
    ...(mode === 'http' ? HTTP_FACTS : []),
  ];
}

/** When the line is written, the request is gone. */
const HTTP_FACTS = [
  'http-request set-var(txn.log_method) method',
  'http-request set-var(txn.log_host) req.fhdr(host)',
  // Of HTTP/2 the URL would be scheme, host and all.
  'http-request set-var(txn.log_url) pathq',
  'http-after-response set-var(txn.log_reason) res.hdr(x-webpool-reason)',
];

/** Source: HAProxy configuration manual 8.5, "Session state at disconnection". */
const CAUSES: Readonly<Record<string, string>> = {
  '-': 'complete',
  C: 'the client left',
  S: 'the server closed or refused',
  P: 'the load balancer refused',
  L: 'answered by the load balancer',
  R: 'the load balancer had no room',
  I: 'error of the load balancer',
  D: 'the server went down',
  U: 'a better server came back',
  K: 'ended by the load balancer',
  c: 'the client was too slow',
  s: 'the server was too slow',
};
/** HAProxy calls it "before the request was whole", because no server has come in yet. */
const OWN_ANSWER = 'L';
const PHASES: Readonly<Record<string, string>> = {
  R: 'before the request was whole',
  Q: 'while it waited for a free server',
  C: 'before the server was reached',
  H: 'before the answer began',
  D: 'in the middle of the transfer',
  L: 'at the end of the transfer',
  T: 'while it was held back',
};

type Line = Readonly<Record<string, unknown>> & Readonly<Record<'pool' | 'server' | 'rule' | 'end', string>>;
type Seconds = Readonly<Partial<Record<'pool2' | 'server2' | 'rule2', string>>>;

/**
 * A line of HAProxy's log as it goes out: the end in words, the pool as `namespace/name`, the server as in its pool;
 * undefined when it is no line of the access log.
 */
export function accessLogLine(line: string): string | undefined {
  if (!line.startsWith('{"time":"')) return undefined;
  const { pool2, server2, rule2, ...told } = JSON.parse(line) as Line & Seconds;
  const [cause = '-', phase = '-'] = told.end;
  return JSON.stringify({
    ...told,
    ...('reason' in told && { reason: known(told['reason'] as string) }),
    rule: known(told.rule, rule2),
    pool: poolOf(known(pool2, told.pool)),
    server: known(server2, told.server),
    end: [CAUSES[cause] ?? cause, cause === OWN_ANSWER ? undefined : PHASES[phase]]
      .filter((part) => part !== undefined)
      .join(' '),
  });
}

/** The first that HAProxy knew; `<NOSRV>` and the like are no names. */
function known(...texts: readonly (string | undefined)[]): string {
  return texts.find((text) => text !== undefined && text !== '' && text !== '-' && !text.startsWith('<')) ?? '';
}

/** Names of ours begin with the mode; what is no pool is a frontend, or a section that answers itself. */
function poolOf(backend: string): string {
  const [, namespace, name] = /^(?:http|tcp)_([^_]+)_([^_]+)/.exec(backend) ?? [];
  return namespace === undefined ? '' : `${namespace}/${name}`;
}
