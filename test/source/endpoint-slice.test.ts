import { describe, expect, test } from 'vitest';
import { readEndpointSlice } from '../../operator/source/endpoint-slice.ts';

const NAMING = { key: 'default/a', metadata: { namespace: 'default', name: 'a' } };

function read(fields: object): unknown {
  const item = readEndpointSlice({ addressType: 'IPv4', ...fields }, NAMING);
  return item.type === 'EndpointSlice' ? item.slice : `${item.problem.path}: ${item.problem.message}`;
}

test('an EndpointSlice as the API gives it, as far as we read it', () => {
  const endpoints = [
    {
      addresses: ['10.0.0.1'],
      conditions: { ready: true, serving: null, terminating: false, later: 'x' },
      targetRef: { kind: 'Pod', name: 'blog-1', uid: 'x' },
      nodeName: 'node1',
      zone: 'a',
    },
    { addresses: ['10.0.0.2', '10.0.0.3'], conditions: null, zone: '', targetRef: null },
  ];
  const ports = [{ name: 'http', port: 8080, protocol: 'TCP' }, { name: null, port: null }, { name: '' }];
  expect(read({ endpoints, ports })).toEqual({
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: ['10.0.0.1'],
        conditions: { ready: true, terminating: false },
        zone: 'a',
        targetRef: { kind: 'Pod', name: 'blog-1' },
      },
      { addresses: ['10.0.0.2', '10.0.0.3'] },
    ],
    ports: [{ name: 'http', port: 8080 }, {}, { name: '' }],
  });
});

test.each([[{}], [{ endpoints: [], ports: null }], [{ endpoints: null, ports: [] }]])('an empty one: %j', (fields) => {
  expect(read(fields)).toEqual({ addressType: 'IPv4', endpoints: [], ports: [] });
});

describe('is refused with', () => {
  test.each([
    ['no address type', { addressType: undefined }, 'addressType: must be one of IPv4, IPv6, FQDN'],
    ['another address type', { addressType: 'IPv5' }, 'addressType: must be one of IPv4, IPv6, FQDN'],
    ['endpoints that are no list', { endpoints: {} }, 'endpoints: must be a list'],
    ['an endpoint that is no object', { endpoints: ['10.0.0.1'] }, 'endpoints[0]: must be an object with fields'],
    [
      'an endpoint without addresses',
      { endpoints: [{ addresses: ['a'] }, {}] },
      'endpoints[1]: needs addresses: a list of texts',
    ],
    ['no address at all', { endpoints: [{ addresses: [] }] }, 'endpoints[0]: needs addresses'],
    ['an address that is no text', { endpoints: [{ addresses: [7] }] }, 'endpoints[0]: needs addresses'],
    [
      'a condition that is a text',
      { endpoints: [{ addresses: ['a'], conditions: { ready: 'no' } }] },
      'endpoints[0]: conditions must be true or false',
    ],
    [
      'conditions that are a list',
      { endpoints: [{ addresses: ['a'], conditions: [] }] },
      'endpoints[0]: conditions must be true or false',
    ],
    ['ports that are no list', { ports: 80 }, 'ports: must be a list'],
    ['a port that is a text', { ports: [{ port: '80' }] }, 'ports[0]: port must be a number from 1 to 65535'],
    ['a port of 0', { ports: [{ port: 0 }] }, 'ports[0]: port must be a number from 1 to 65535'],
    ['a port name that is a number', { ports: [{ name: 80, port: 80 }] }, 'ports[0]: name must be a text'],
  ])('%s', (_, fields, message) => {
    expect(read(fields)).toEqual(expect.stringContaining(message));
  });
});
