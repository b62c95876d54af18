import { describe, expect, it } from 'vitest';
import { createGate, type Seen } from '../../operator/controller/gate.ts';
import type { AccountObserved, DatabaseObserved, GrantObserved } from '../../operator/status/observed.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { grant, NO_NAMES, pool, resources, secret } from '../topology/objects.ts';

const SECRETS = [secret('admin', ['username', 'password']), secret('app', ['password'])];
const endpoints = (...names: string[]) => names.map((name, index) => ({ name, address: `10.0.0.${index + 1}` }));
const topologyOf = (...names: string[]) =>
  buildTopology(
    resources({
      pools: [
        pool('site', { externalEndpoints: endpoints(...names) }),
        pool('other', { externalEndpoints: endpoints('x') }),
      ],
      grants: [grant('app', { pools: [{ name: 'site' }] })],
      secrets: SECRETS,
    }),
    NO_NAMES,
  );

const DATABASE = topologyOf('a').accounts[0]?.server.id ?? '';

type State = AccountObserved['state'];

/** What was seen: accounts by host, servers that have joined by id. */
function seen(
  accounts: Readonly<Record<string, State>> | DatabaseObserved | undefined,
  there: readonly string[],
  now = 0,
): Seen {
  const grants = (states: Readonly<Record<string, State>>): ReadonlyMap<string, GrantObserved> =>
    new Map([['default/app', { accounts: Object.entries(states).map(([host, state]) => ({ host, state })) }]]);
  const isWhole = (value: object): value is DatabaseObserved => 'grants' in value;
  const database = accounts === undefined ? undefined : isWhole(accounts) ? accounts : { grants: grants(accounts) };
  return {
    databases: new Map(database === undefined ? [] : [[DATABASE, database]]),
    joined: (pool, id) => pool === 'default/site' && there.includes(id),
    now,
  };
}

const A = 'a_10.0.0.1:80';
const B = 'b_10.0.0.2:80';
const NOTHING = { grants: new Map() };

describe('a server of a pool with a grant', () => {
  const admitted = (given: Seen, gate = createGate()) => {
    const { topology, againAfter } = gate.admit(topologyOf('a', 'b'), given);
    return { servers: topology.pools.get('default/site')?.servers.map(({ id }) => id), againAfter };
  };

  it.each<[string, Seen, readonly string[], number | undefined]>([
    ['joins once its account is there', seen({ '10.0.0.1': 'Ready', '10.0.0.2': 'Ready' }, []), [A, B], undefined],
    ['waits for its account', seen({ '10.0.0.1': 'Ready', '10.0.0.2': 'Pending' }, [A]), [A], 10_000],
    ['waits when nothing is said of its account', seen({ '10.0.0.1': 'Ready' }, [A]), [A], 10_000],
    [
      'does not wait when it serves already',
      seen({ '10.0.0.1': 'Pending', '10.0.0.2': 'Pending' }, [A, B]),
      [A, B],
      undefined,
    ],
    ['does not wait when it serves already and no database was heard of', seen(undefined, [A]), [A], 1000],
    [
      'does not wait for an account that failed',
      seen({ '10.0.0.1': 'Ready', '10.0.0.2': 'Failed' }, [A]),
      [A, B],
      undefined,
    ],
    ['waits a moment for a database that was not heard of yet', seen(undefined, []), [], 1000],
    [
      'does not wait for a database that is in trouble',
      seen({ ...NOTHING, problem: { reason: 'ServerUnreachable', message: 'down' } }, []),
      [A, B],
      undefined,
    ],
    [
      'does not wait for a grant that is refused',
      seen(
        {
          grants: new Map([
            ['default/app', { accounts: [], problem: { condition: 'Accepted', reason: 'Conflicted', message: 'no' } }],
          ]),
        },
        [],
      ),
      [A, B],
      undefined,
    ],
  ])('%s', (...[, given, servers, againAfter]) => {
    expect(admitted(given)).toEqual({ servers, againAfter });
  });

  it('waits ten seconds and no longer', () => {
    const gate = createGate();
    expect(admitted(seen({ '10.0.0.1': 'Ready' }, [A], 100), gate)).toEqual({ servers: [A], againAfter: 10_000 });
    expect(admitted(seen({ '10.0.0.1': 'Ready' }, [A], 9100), gate)).toEqual({ servers: [A], againAfter: 1000 });
    expect(admitted(seen({ '10.0.0.1': 'Ready' }, [A], 10_100), gate)).toEqual({
      servers: [A, B],
      againAfter: undefined,
    });
    // The account came and went: it waits anew.
    expect(admitted(seen({ '10.0.0.1': 'Ready', '10.0.0.2': 'Ready' }, [A], 11_000), gate).servers).toEqual([A, B]);
    expect(admitted(seen({ '10.0.0.1': 'Ready' }, [A], 12_000), gate)).toEqual({ servers: [A], againAfter: 10_000 });
  });

  it('leaves its pool incomplete meanwhile', () => {
    const poolIn = (given: Seen) => createGate().admit(topologyOf('a', 'b'), given).topology.pools.get('default/site');
    expect(poolIn(seen({ '10.0.0.1': 'Ready' }, [A]))).toMatchObject({ incomplete: true });
    expect(poolIn(seen({ '10.0.0.1': 'Ready', '10.0.0.2': 'Ready' }, [A]))).not.toHaveProperty('incomplete');
  });
});

describe('other pools', () => {
  it('are the same objects as before', () => {
    const gate = createGate();
    const topology = topologyOf('a', 'b');
    const first = gate.admit(topology, seen({ '10.0.0.1': 'Ready' }, [A])).topology;
    expect(first.pools.get('default/other')).toBe(topology.pools.get('default/other'));
    const second = gate.admit(topology, seen({ '10.0.0.1': 'Ready' }, [A], 5)).topology;
    expect(second.pools.get('default/site')).toBe(first.pools.get('default/site'));
  });

  it('make no difference when nobody waits', () => {
    const topology = topologyOf('a', 'b');
    const { topology: same } = createGate().admit(topology, seen({ '10.0.0.1': 'Ready', '10.0.0.2': 'Ready' }, []));
    expect(same).toBe(topology);
  });
});
