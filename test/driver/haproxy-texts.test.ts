/** Texts of users mean to a running HAProxy what they say, character by character. */
import * as fc from 'fast-check';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nasty } from '../haproxy/string-fields.ts';
import { loopbackAddress } from '../support/address.ts';
import { createTestProxy, poolOf, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { validate, type Written } from '../support/admit.ts';

const PORT = 8080;
const COUNT = 60;

let proxy: TestProxy;
let web: Server;
let place: { readonly address: string; readonly port: number };
/** Check requests: method, target, host and one header. */
const seen = new Set<string>();
const seenAs = (...parts: readonly unknown[]) => JSON.stringify(parts);
/** What the server answers, by path. */
const answers = new Map<string, { readonly body: string; readonly header: string }>();

beforeAll(async () => {
  proxy = await createTestProxy();
  web = createServer((request, response) => {
    const { method, url, headers } = request;
    seen.add(seenAs(method, url, headers.host, headers['x-text']));
    const { body = '', header = '' } = answers.get(request.url ?? '') ?? {};
    response.writeHead(200, { 'X-Is': header }).end(body);
  });
  const address = loopbackAddress();
  await new Promise<void>((resolve) => {
    web.listen(0, address, resolve);
  });
  place = { address, port: (web.address() as AddressInfo).port };
});
afterAll(async () => {
  await proxy.stop();
  web.closeAllConnections();
  await new Promise((resolve) => {
    web.close(resolve);
  });
});

/** Texts for which these objects are good. */
function goodTexts(make: (text: string) => Written): readonly string[] {
  const good = [...new Set(fc.sample(nasty, COUNT * 8))].filter((text) => {
    const { kind, spec } = make(text);
    return validate(kind, { spec }).length === 0;
  });
  expect(good.length).toBeGreaterThan(COUNT / 2);
  return good.slice(0, COUNT);
}

const checkedBy = (name: string, healthCheck: object): Written => ({
  kind: 'WebPool',
  name,
  spec: {
    externalEndpoints: [{ name: 'a', ...place }],
    healthCheck: { type: 'HTTP', interval: '10m', ...healthCheck },
  },
});

/** The server of each pool: Up or Down, once it was checked. */
async function verdicts(objects: readonly Written[]): Promise<Record<string, string>> {
  await proxy.apply(objects);
  const { pools } = await proxy.until('every server to be checked', () => {
    const { pools } = proxy.rail.observed;
    const all = [...pools.values()].flatMap((servers) => [...servers.values()]);
    return all.every(({ health }) => health === 'Up' || health === 'Down') ? { pools } : undefined;
  });
  return Object.fromEntries(
    [...pools].map(([key, servers]) => [key.replace('default/', ''), [...servers.values()][0]?.health ?? '']),
  );
}

describe('a health check', () => {
  it('sends path, host and headers as they are written', async () => {
    const paths = goodTexts((text) => checkedBy('a', { path: `/${text}` }));
    const values = goodTexts((text) => checkedBy('a', { headers: [{ name: 'X-Text', value: text }] }));
    const objects = paths.map((text, index) =>
      checkedBy(`p${index}`, {
        path: `/${text}`,
        host: `h${index}.x:80`,
        headers: [{ name: 'X-Text', value: values[index] ?? '' }],
      }),
    );
    await verdicts(objects);
    const wanted = paths.map((text, index) =>
      seenAs('GET', `/${text}`, `h${index}.x:80`, (values[index] ?? '').trim()),
    );
    expect(wanted.filter((line) => !seen.has(line))).toEqual([]);
  });

  it('expects body and header as they are written, and nothing else', async () => {
    const bodies = goodTexts((text) => checkedBy('a', { expect: { body: text } }));
    const values = goodTexts((text) => checkedBy('a', { expect: { header: { name: 'X-Is', value: text } } })).filter(
      (text) => text === text.trim(),
    );
    const cases = [
      ...bodies.map((text) => ({
        expect: { body: text },
        right: { body: `<${text}>`, header: '' },
        wrong: { body: text.slice(1), header: '' },
      })),
      ...values.map((text) => ({
        expect: { header: { name: 'X-Is', value: text } },
        right: { body: '', header: text },
        wrong: { body: '', header: `${text}x` },
      })),
    ];
    const objects = cases.flatMap(({ expect, right, wrong }, index) => {
      answers.set(`/right${index}`, right).set(`/wrong${index}`, wrong);
      return [
        checkedBy(`right${index}`, { path: `/right${index}`, expect }),
        checkedBy(`wrong${index}`, { path: `/wrong${index}`, expect }),
      ];
    });
    const found = await verdicts(objects);
    const surprising = cases.flatMap((one, index) =>
      found[`right${index}`] === 'Up' && found[`wrong${index}`] === 'Down'
        ? []
        : [{ ...one, right: found[`right${index}`], wrong: found[`wrong${index}`] }],
    );
    expect(surprising).toEqual([]);
  });
});

describe('a rule', () => {
  it('answers with the body that is written', async () => {
    const bodies = goodTexts((body) => ruleOf('a', PORT, [{ name: 'a', respond: { status: 200, body } }]));
    const rules = bodies.map((body, index) =>
      ruleOf(`r${index}`, { port: PORT, hostnames: [`h${index}.x`] }, [{ name: 'a', respond: { status: 200, body } }]),
    );
    await proxy.apply(rules);
    const got = await Promise.all(
      bodies.map(async (_, index) => (await proxy.get(PORT, '/', { host: `h${index}.x` })).body),
    );
    expect(got).toEqual(bodies);
  });

  it('asks for the header and the parameter that are written', async () => {
    const match = (part: object) => ruleOf('a', PORT, [{ name: 'a', matches: [part], respond: { status: 200 } }]);
    const values = goodTexts((value) => match({ headers: [{ name: 'x-a', value }] })).filter(
      (text) => text === text.trim(),
    );
    const names = goodTexts((name) => match({ queryParams: [{ name, value: '1' }] }));
    const texts = values.map((value, index) => ({ value, name: names[index % names.length] ?? '' }));
    const rules = texts.map(({ value, name }, index) =>
      ruleOf(`r${index}`, { port: PORT, hostnames: [`h${index}.x`] }, [
        {
          name: 'both',
          matches: [{ headers: [{ name: 'x-a', value }], queryParams: [{ name, value }] }],
          respond: { status: 210 },
        },
        { name: 'rest', respond: { status: 404 } },
      ]),
    );
    await proxy.apply(rules);
    const statuses = await Promise.all(
      texts.map(async ({ value, name }, index) => {
        const query = `/?${encodeURIComponent(name)}=${encodeURIComponent(value)}`;
        const ask = (header: string) => proxy.get(PORT, query, { host: `h${index}.x`, headers: { 'X-A': header } });
        return [(await ask(value)).status, (await ask(`${value}x`)).status].join();
      }),
    );
    expect(texts.filter((_, index) => statuses[index] !== '210,404')).toEqual([]);
  });
});

describe('a maintenance page', () => {
  it('is shown as it is written', async () => {
    const bodies = goodTexts((body) => poolOf('a', [], { maintenancePage: { body } }));
    const objects = bodies.flatMap((body, index) => [
      poolOf(`p${index}`, [], { maintenancePage: { body, status: index % 2 === 0 ? 503 : 200 } }),
      ruleOf(`r${index}`, { port: PORT, hostnames: [`h${index}.x`] }, [{ name: 'a', pools: [{ name: `p${index}` }] }]),
    ]);
    await proxy.apply(objects);
    const got = await Promise.all(bodies.map((_, index) => proxy.get(PORT, '/', { host: `h${index}.x` })));
    expect(got.map(({ body }) => body)).toEqual(bodies);
    expect(got.map(({ status }) => status)).toEqual(bodies.map((_, index) => (index % 2 === 0 ? 503 : 200)));
  });
});
