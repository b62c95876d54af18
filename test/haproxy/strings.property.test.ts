/** No text of a user is read by HAProxy as anything but that text: it arrives as written, or its object is refused. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalAddress } from '../../operator/api/address.ts';
import { buildProxyConfig } from '../../operator/haproxy/config.ts';
import type { ProxyConfig } from '../../operator/haproxy/proxy.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { admitted, validate, type Written } from '../support/admit.ts';
import { createTestProxy, ROUTER, type TestProxy } from '../support/haproxy.ts';
import { nameOf, nasty, TEXT_FIELDS, withText, type TextField } from './string-fields.ts';

/** Texts for each field; `WEBPOOL_STRINGS=10000` for the whole search. */
const TEXTS = Number(process.env['WEBPOOL_STRINGS'] ?? 1000);
/** Of the texts that a field takes, so many go to HAProxy. */
const MOST = 250;

let proxy: TestProxy;

beforeAll(async () => {
  proxy = await createTestProxy();
});
afterAll(async () => {
  const { exits, lines } = proxy.told;
  await proxy.stop();
  expect({ exits, last: exits === 0 ? [] : lines.slice(-10) }).toEqual({ exits: 0, last: [] });
});

/** Not an address, or one of this host. */
function isHere(text: string): boolean {
  const address = canonicalAddress(text);
  return address === undefined || address.startsWith('127.') || address === '::1';
}

/** The texts that may stand in a field, each once. */
function accepted(field: TextField, texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].filter((text) => {
    // What is an address is checked, and nothing leaves this host.
    if (nameOf(field).endsWith('.address') && !isHere(text)) return false;
    const { kind, spec } = withText(field, 'a', text);
    return validate(kind, { spec }).length === 0;
  });
}

/** An object of its own for each text; rules have a host each, so that none stands in another's way. */
function objectsOf(field: TextField, place: number, texts: readonly string[]): readonly Written[] {
  return texts.map((text, index) => {
    const name = `f${place}-${index}`;
    const object = withText(field, name, text);
    if (object.kind === 'WebPool' || field.steps[0] === 'hostnames') return object;
    return { ...object, spec: { ...(object.spec as object), hostnames: [`${name}.x`] } };
  });
}

function serversOf(backends: ProxyConfig['backends']): readonly string[] {
  return [...backends.values()]
    .flatMap(({ name, servers }) =>
      [...servers.values()].map(({ name: own, address, port }) => `${name}/${own} ${address} ${port}`),
    )
    .sort();
}

describe('every text field', () => {
  const texts = fc.sample(nasty, TEXTS);
  const fields = TEXT_FIELDS.map((field) => ({ field, name: nameOf(field), good: accepted(field, texts) }));

  it('takes some of the texts and refuses others', () => {
    // A field that takes none needs something beside it: see the bases in string-fields.ts.
    expect(fields.filter(({ good }) => good.length === 0).map(({ name }) => name)).toEqual([]);
    expect(fields.filter(({ good }) => good.length === new Set(texts).size).map(({ name }) => name)).toEqual([]);
  });

  it('reaches HAProxy as it was written', async () => {
    const objects = fields.flatMap(({ field, good }, place) => objectsOf(field, place, good.slice(0, MOST)));
    const resources = admitted(objects);
    expect(resources.held).toEqual([]);
    const config = buildProxyConfig(buildTopology(resources, new Map()), {
      bind: [proxy.address],
      maxConnections: 1000,
      router: ROUTER,
    });
    expect(config.backends.size).toBeGreaterThan(1000);
    expect(config.routes.size).toBeGreaterThan(1000);

    proxy.aim(resources);
    await proxy.until(
      'HAProxy to be as asked',
      () => proxy.rail.observed.programmed || proxy.told.configRefused.length > 0,
    );
    expect(proxy.told.configRefused).toEqual([]);
    const state = await proxy.read();
    expect(state.checksum).toBe(config.checksum);
    expect(Object.fromEntries(state.routes)).toEqual(Object.fromEntries(config.routes));
    // Backends of our own have no text of a user.
    const ofPools = [...state.backends].filter(([name]) => !name.startsWith('webpool_'));
    const read = ofPools.flatMap(([name, servers]) =>
      [...servers.values()].map((server) => `${name}/${server.name} ${server.address} ${server.port}`),
    );
    expect(read.sort()).toEqual(serversOf(config.backends));
    // Nothing but our own sockets and listeners: no text opened a door.
    const sockets = await proxy.command('show cli sockets');
    expect(sockets.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toHaveLength(2);
  });
});
