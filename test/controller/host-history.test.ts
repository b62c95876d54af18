import { describe, expect, it } from 'vitest';
import { hostHistory } from '../../operator/controller/host-history.ts';
import type { ProxyObserved } from '../../operator/status/observed.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { grant, pool, resources, secret } from '../topology/objects.ts';

const SECRETS = [secret('admin', ['username', 'password']), secret('app', ['password'])];

function picture(
  endpoints: readonly { name: string; address: string }[],
  hostAs: 'Address' | 'Name' | 'Both' = 'Address',
) {
  const all = resources({
    pools: [pool('site', { externalEndpoints: endpoints })],
    grants: [grant('app', { pools: [{ name: 'site', hostAs }] })],
    secrets: SECRETS,
  });
  const names = new Map([['web01.example.com', ['10.0.0.9']]]);
  return { resources: all, accounts: buildTopology(all, names).accounts };
}

function proxyWith(...ids: string[]): ProxyObserved {
  const servers = new Map(ids.map((id) => [id, { admin: 'drain', health: 'Up', leaving: true } as const]));
  return { programmed: true, pools: new Map([['default/site', servers]]), bind: '*' };
}

const A = { name: 'a', address: '10.0.0.1' };
const NAMED = { name: 'named', address: 'web01.example.com' };
const kept = (map: ReadonlyMap<string, ReadonlySet<string>>) => [...(map.get('default/app') ?? [])].sort();

describe('the hosts of servers', () => {
  it('are kept as long as the proxy has the servers', () => {
    const history = hostHistory();
    const { resources: now, accounts } = picture([A, NAMED], 'Both');
    history.learn(accounts);
    const gone = picture([A], 'Both').resources;
    expect(kept(history.keep(gone, proxyWith('a_10.0.0.1:80', 'named_10.0.0.9:80')))).toEqual([
      '10.0.0.1',
      '10.0.0.9',
      'web01.example.com',
    ]);
    expect(kept(history.keep(gone, proxyWith('a_10.0.0.1:80')))).toEqual(['10.0.0.1']);
    // Forgotten for good: a name that comes back is learned anew.
    expect(kept(history.keep(now, proxyWith('named_10.0.0.9:80')))).toEqual(['10.0.0.9']);
  });

  it('that a server which stays does not log in from any more need not wait for it', () => {
    const history = hostHistory();
    history.learn(picture([NAMED], 'Both').accounts);
    const { resources: now, accounts } = picture([NAMED], 'Name');
    history.learn(accounts);
    expect(kept(history.keep(now, proxyWith('named_10.0.0.9:80')))).toEqual(['web01.example.com']);
  });

  it("are the servers' own addresses when nothing was learned, also of IPv6", () => {
    const { resources: now } = picture([A]);
    expect(kept(hostHistory().keep(now, proxyWith('a_10.0.0.1:80', 'six_2001:db8::1:8080')))).toEqual([
      '10.0.0.1',
      '2001:db8::1',
    ]);
  });

  it('are unknown as long as the proxy is', () => {
    expect(hostHistory().keep(picture([A]).resources, undefined)).toEqual(new Map());
  });

  it('go with their grant', () => {
    const history = hostHistory();
    history.learn(picture([NAMED], 'Name').accounts);
    const without = resources({ pools: [pool('site')] });
    expect(history.keep(without, proxyWith('named_10.0.0.9:80'))).toEqual(new Map());
    expect(kept(history.keep(picture([NAMED], 'Name').resources, proxyWith('named_10.0.0.9:80')))).toEqual([
      '10.0.0.9',
    ]);
  });
});
