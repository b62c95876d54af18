import type { Kind } from '../api/resources.ts';
import { isReady } from '../status/instance.ts';
import type { Picture } from './status-picture.ts';

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ...['webpool', 'webpools', 'wp', 'pool', 'pools'].map((word) => [word, 'WebPool'] as const),
  ...['routingrule', 'routingrules', 'rr', 'rule', 'rules'].map((word) => [word, 'RoutingRule'] as const),
  ...['databasegrant', 'databasegrants', 'dbg', 'grant', 'grants'].map((word) => [word, 'DatabaseGrant'] as const),
]);

/** Whether the word names an object rather than a folder: `pool/site`, not `pool/` nor `./pool/site`. */
export function isSelector(word: string | undefined): word is string {
  return parse(word ?? '')?.names.every((name) => name !== '') === true;
}

interface Selector {
  readonly kind: Kind;
  /** Perhaps a namespace, then the name. */
  readonly names: readonly string[];
}

function parse(selector: string): Selector | undefined {
  const [word = '', ...names] = selector.split('/');
  const kind = KINDS.get(word.toLowerCase());
  return kind === undefined || names.length === 0 || names.length > 2 ? undefined : { kind, names };
}

/** The rows that hang together. */
interface Walk {
  readonly rules: Picture['rules'];
  readonly pools: ReadonlySet<string>;
  readonly grants: Picture['grants'];
}

/**
 * The part of a picture around one object, walked from rule to pools to servers to accounts, or from wherever it stands.
 * Shape: text that says what is wrong with `selector` when it names nothing.
 */
export function select(picture: Picture, selector: string): Picture | string {
  const parsed = parse(selector);
  if (parsed === undefined) {
    return `${selector}: expected KIND/NAME or KIND/NAMESPACE/NAME, with pool, rule or grant as KIND.`;
  }
  const { kind, names } = parsed;
  const rows = { WebPool: picture.pools, RoutingRule: picture.rules, DatabaseGrant: picture.grants }[kind];
  const walk = STARTS[kind](picture, names.length === 1 ? `default/${names[0]}` : names.join('/'));
  if (walk === undefined) {
    const known = rows.slice(0, 10).map((row) => nameOf(row));
    return `${selector}: there is no such ${kind}. ${known.length === 0 ? 'There is none at all.' : `There are: ${known.join(', ')}`}`;
  }
  return narrow(picture, walk);
}

const STARTS: Readonly<Record<Kind, (picture: Picture, key: string) => Walk | undefined>> = {
  RoutingRule: ({ rules, grants }, key) => {
    const own = rules.filter((rule) => nameOf(rule) === key);
    const pools = new Set(own.flatMap((rule) => rule.pools ?? []));
    return own.length === 0
      ? undefined
      : { rules: own, pools, grants: grants.filter((grant) => touches(grant, pools)) };
  },
  WebPool: ({ pools, rules, grants }, key) => {
    if (!pools.some((pool) => nameOf(pool) === key)) return undefined;
    const own = new Set([key]);
    return {
      rules: rules.filter((rule) => touches(rule, own)),
      pools: own,
      grants: grants.filter((grant) => touches(grant, own)),
    };
  },
  DatabaseGrant: ({ grants }, key) => {
    const own = grants.filter((grant) => nameOf(grant) === key);
    return own.length === 0
      ? undefined
      : { rules: [], pools: new Set(own.flatMap((grant) => grant.pools ?? [])), grants: own };
  },
};

function narrow(picture: Picture, { rules, pools, grants }: Walk): Picture {
  const own = picture.pools.filter((pool) => pools.has(nameOf(pool)));
  const databases = new Set(grants.map((grant) => grant.server));
  return {
    ...picture,
    ready: [...rules, ...own, ...grants].every(({ status }) => isReady(status)),
    rules,
    pools: own,
    grants,
    servers: picture.servers.filter((server) => pools.has(server.pool)),
    databases: picture.databases.filter(({ server }) => databases.has(server)),
    errors: [],
  };
}

function touches({ pools }: { readonly pools?: readonly string[] }, wanted: ReadonlySet<string>): boolean {
  return pools?.some((pool) => wanted.has(pool)) ?? false;
}

function nameOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
