import { describe, expect, it, test } from 'vitest';
import type { ExternalEndpoint } from '../../operator/api/kinds.gen.ts';
import type { Held, SecretInfo } from '../../operator/api/resources.ts';
import { buildTopology, createTopologyBuilder } from '../../operator/topology/build.ts';
import type { AccountNeed } from '../../operator/topology/topology.ts';
import { grant, metadata, pool, resources, secret, slice } from './objects.ts';

const SECRETS = [secret('admin', ['username', 'password']), secret('app', ['password'], '7')];
const NAMES = new Map([['web01.example.com', ['10.0.0.1']]]);
const named: ExternalEndpoint = { name: 'web01', address: 'Web01.example.com' };
const drained: ExternalEndpoint = { name: 'web02', address: '10.0.0.2', state: 'Drain' };
const resting: ExternalEndpoint = { name: 'web03', address: '2001:DB8::3', state: 'Maintenance' };
const site = pool('site', { externalEndpoints: [named, drained, resting] });

function build(spec: Parameters<typeof grant>[1], secrets: readonly SecretInfo[] = SECRETS) {
  const pods = slice('site-1', { pool: 'site' }, [{ addresses: ['10.1.0.1'], targetRef: { name: 'pod-a' } }]);
  return buildTopology(resources({ pools: [site], slices: [pods], grants: [grant('g', spec)], secrets }), NAMES);
}

describe('the need of a grant', () => {
  it('names server, password and every host that logs in, drained ones too', () => {
    expect(build({ pools: [{ name: 'site' }], hosts: ['Batch01.Example.com.', '10.0.0.2'] }).accounts).toEqual([
      {
        grant: 'default/g',
        generation: 1,
        spec: expect.objectContaining({ username: 'app' }) as unknown,
        server: {
          id: 'db01.example.com:3306 as default/admin',
          host: 'db01.example.com',
          port: 3306,
          adminSecret: 'default/admin',
          tls: { mode: 'Preferred' },
        },
        password: { secret: 'default/app', key: 'password', version: '7' },
        hosts: [
          { host: '10.0.0.1', servers: [{ pool: 'default/site', id: 'web01_10.0.0.1:80' }] },
          { host: '10.0.0.2', servers: [{ pool: 'default/site', id: 'web02_10.0.0.2:80' }] },
          { host: '10.1.0.1', servers: [{ pool: 'default/site', id: 'pod-a_10.1.0.1:8080' }] },
          { host: '2001:db8::3', servers: [{ pool: 'default/site', id: 'web03_2001:db8::3:80' }] },
          { host: 'batch01.example.com', servers: [] },
        ],
      },
    ]);
  });

  test.each([
    ['Address', ['10.0.0.1', '10.0.0.2', '10.1.0.1', '2001:db8::3']],
    ['Name', ['10.0.0.2', '10.1.0.1', '2001:db8::3', 'web01.example.com']],
    ['Both', ['10.0.0.1', '10.0.0.2', '10.1.0.1', '2001:db8::3', 'web01.example.com']],
  ] as const)('hostAs %s', (hostAs, hosts) => {
    const [need] = build({ pools: [{ name: 'site', hostAs }] }).accounts;
    expect(need?.hosts.map(({ host }) => host)).toEqual(hosts);
  });

  it('has Pods as the database sees them, and machines as they are', () => {
    const egressAddresses = ['192.0.2.9', '2001:DB8::9'];
    const [need] = build({ pools: [{ name: 'site', source: 'Egress', egressAddresses }] }).accounts;
    expect(need?.hosts.map(({ host, servers }) => [host, servers.map(({ id }) => id)])).toEqual([
      ['10.0.0.1', ['web01_10.0.0.1:80']],
      ['10.0.0.2', ['web02_10.0.0.2:80']],
      ['192.0.2.9', ['pod-a_10.1.0.1:8080']],
      ['2001:db8::3', ['web03_2001:db8::3:80']],
      ['2001:db8::9', ['pod-a_10.1.0.1:8080']],
    ]);
  });

  describe('source: NodeIP', () => {
    const pods = ['a', 'b', 'c'].map((name, index) => ({
      addresses: [`10.1.0.${index}`],
      targetRef: { name },
      conditions: { terminating: name === 'b' },
    }));
    const picture = (removal = {}) =>
      resources({
        pools: [pool('site', {})],
        slices: [slice('site-1', { pool: 'site' }, pods)],
        grants: [grant('g', { pools: [{ name: 'site', source: 'NodeIP' }], removal })],
        secrets: SECRETS,
      });
    const all = createTopologyBuilder({ external: 'Names', pods: 'All' });
    const hostsOf = (need: AccountNeed | undefined) => need?.hosts.map(({ host, servers }) => [host, servers.length]);

    it('has one account a node; of a Pod of which nobody knows the node there is none yet', () => {
      const nodes = new Map([
        ['default/a', ['192.0.2.1']],
        ['default/b', ['192.0.2.1', '2001:DB8::1']],
      ]);
      const [need] = all(picture(), NAMES, nodes).accounts;
      expect(hostsOf(need)).toEqual([
        ['192.0.2.1', 2],
        ['2001:db8::1', 1],
      ]);
      expect(need?.incomplete).toBe(true);
      const [known] = all(picture(), NAMES, new Map([...nodes, ['default/c', ['192.0.2.3']]])).accounts;
      expect(hostsOf(known)?.length).toBe(3);
      expect(known?.incomplete).toBeUndefined();
    });

    it('has none for a Pod that was told to go, where it is to go at once', () => {
      const nodes = new Map(['a', 'b', 'c'].map((name) => [`default/${name}`, [`192.0.2.${name.charCodeAt(0)}`]]));
      const [need] = all(picture({ when: 'DeletionStart' }), NAMES, nodes).accounts;
      expect(hostsOf(need)).toEqual([
        ['192.0.2.97', 1],
        ['192.0.2.99', 1],
      ]);
    });

    it('says that outside a cluster nobody knows nodes, and gives no account', () => {
      const { accounts, findings } = buildTopology(picture(), NAMES);
      expect(accounts[0]?.hosts).toEqual([]);
      expect(findings).toMatchObject([{ condition: 'ResolvedRefs', path: 'spec.pools[0].source' }]);
    });
  });

  test.each([
    [{ host: 'DB01.Example.com.', port: 3307 }, 'db01.example.com:3307 as default/admin'],
    [{ host: '2001:DB8::5' }, '[2001:db8::5]:3306 as default/admin'],
  ])('has one spelling of the server %j', (server, id) => {
    expect(build({ server: { ...server, adminSecretName: 'admin' } }).accounts[0]?.server.id).toBe(id);
  });

  it('has the authority and the name of the server, when they are given', () => {
    const tls = { mode: 'Required', caSecretName: 'ca', serverName: 'DB.Example.com' } as const;
    const server = { host: 'db01', adminSecretName: 'admin', tls };
    expect(build({ server }, [...SECRETS, secret('ca', ['ca.crt'])]).accounts[0]?.server.tls).toEqual({
      mode: 'Required',
      caSecret: 'default/ca',
      serverName: 'db.example.com',
    });
  });

  it('is there for no host at all, so that the last account goes', () => {
    expect(build({}).accounts).toMatchObject([{ hosts: [] }]);
  });
});

describe('references of a grant', () => {
  test.each<[string, readonly SecretInfo[], string[]]>([
    ['no Secrets', [], ['SecretNotFound', 'AdminSecretNotFound']],
    ['no key', [secret('admin', ['username', 'password']), secret('app', ['other'])], ['SecretKeyMissing']],
    ['no authority', [...SECRETS], ['SecretNotFound']],
    ['no ca.crt', [...SECRETS, secret('ca', ['tls.crt'])], ['SecretKeyMissing']],
    ['no admin password', [secret('admin', ['username']), secret('app', ['password'])], ['AdminSecretNotFound']],
  ])('without %s there is no need', (what, secrets, reasons) => {
    const tls = { mode: 'Required', caSecretName: 'ca' } as const;
    const server = {
      host: 'db01.example.com',
      adminSecretName: 'admin',
      ...(/authority|ca.crt/.test(what) && { tls }),
    };
    const { accounts, findings } = build({ pools: [{ name: 'site' }], server }, secrets);
    expect(accounts).toEqual([]);
    expect(findings.map(({ condition, reason }) => [condition, reason])).toEqual(
      reasons.map((reason) => ['ResolvedRefs', reason]),
    );
  });

  it('to a missing pool are told, the others get their accounts', () => {
    const { accounts, findings } = build({ pools: [{ name: 'none' }, { name: 'site' }] });
    expect(accounts[0]?.hosts).toHaveLength(4);
    expect(findings).toMatchObject([
      { condition: 'ResolvedRefs', reason: 'BackendNotFound', path: 'spec.pools[0].name' },
    ]);
  });
});

describe('a need is incomplete', () => {
  const held: Held = {
    kind: 'WebPool',
    key: 'default/held',
    metadata: metadata('held'),
    findings: [],
    paused: true,
    fallback: false,
  };
  const objects = { pools: [site], secrets: SECRETS };
  const isIncomplete = (name: string, rest: Parameters<typeof resources>[1], names = NAMES) => {
    const grants = [grant('g', { pools: [{ name }] })];
    return buildTopology(resources({ ...objects, grants }, rest), names).accounts[0]?.incomplete ?? false;
  };

  test.each<[string, boolean, boolean]>([
    ['never when all is known', isIncomplete('site', {}), false],
    ['while a name has no address', isIncomplete('site', {}, new Map()), true],
    ['while a pool is not in force', isIncomplete('held', { held: [held] }), true],
    ['while a missing pool may stand in something unread', isIncomplete('none', { pictureComplete: false }), true],
    ['not when a pool was removed', isIncomplete('none', { held: [held] }), false],
  ])('%s', (_, found, wanted) => {
    expect(found).toBe(wanted);
  });
});
