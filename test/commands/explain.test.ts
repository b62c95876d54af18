import { describe, expect, test } from 'vitest';
import { explainCommand, type ExplainOptions } from '../../operator/commands/explain.ts';
import { UsageError } from '../../operator/commands/usage-error.ts';

const FOLDER = new URL('../golden/filters/in', import.meta.url).pathname;

async function say(url: string, options: Partial<ExplainOptions> = {}): Promise<{ code: number; text: string }> {
  const texts: string[] = [];
  const all = {
    method: 'GET',
    headers: [],
    output: 'text' as const,
    out: (text: string) => texts.push(text),
    ...options,
  };
  const code = await explainCommand({ folder: FOLDER }, url, all);
  return { code, text: texts.join('') };
}

describe('webpool explain', () => {
  test('says rule, match, result, the others and the servers', async () => {
    const { code, text } = await say('http://shop.example.com:8080/api/x?q');
    expect(code).toBe(0);
    for (const line of [
      'listener  HTTP port 8080',
      'rule      api of RoutingRule default/shop',
      'result    the server gets /v1/x?q of host api.internal',
      'pool      default/shop, 100 % of the requests',
      'server  web01 127.0.1.1:8081 weight 100',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toMatch(/not +old of .*: The path is \/api\/x; wanted: Prefix \/laden\./);
  });

  test.each([
    ['http://shop.example.com:8080/laden/a', 0, '301 redirect to https://shop.example.com/a'],
    ['http://shop.example.com:8080', 0, 'rule      all'],
    ['http://shop.example.com:8080/a/../laden', 0, 'rule      old'],
    ['http://other:8080/', 1, '404 no-matching-rule'],
    ['http://shop.example.com:8080/%2f', 1, '400 bad-path'],
    ['http://shop.example.com/', 1, 'none: there are HTTP port 8080'],
    ['tcp://shop.example.com:8080', 1, 'none: there are HTTP port 8080'],
  ])('%s', async (...[url, code, words]) => {
    const said = await say(url);
    expect([said.code, said.text]).toEqual([code, expect.stringContaining(words)]);
  });

  test('takes the host from a header, and speaks JSON', async () => {
    const { text } = await say('http://127.0.0.1:8080/', { headers: ['Host: shop.example.com'], output: 'json' });
    expect(JSON.parse(text)).toMatchObject({
      rule: { object: 'default/shop', name: 'all' },
      outcome: { type: 'Forward' },
    });
  });

  test.each<[string, Partial<ExplainOptions>, string]>([
    ['shop.example.com', {}, 'is no URL'],
    ['ftp://a/', {}, 'is no URL'],
    ['tcp://a', {}, 'names no port'],
    ['http://a/', { source: 'home' }, 'is no address'],
    ['http://a/', { headers: ['nonsense'] }, 'is no header'],
  ])('refuses %s %j', async (url, options, words) => {
    const failure = await say(url, options).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UsageError);
    expect(String(failure)).toContain(words);
  });
});
