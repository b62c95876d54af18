/**
 * re2js does not declare its instructions: this test says that they are still what regex-program.ts takes them for, and that
 * HAProxy's Lua runs them as RE2 would.
 */
import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { regexProgram } from '../../operator/haproxy/regex-program.ts';
import { createTestProxy, ruleOf, type TestProxy } from '../support/haproxy.ts';
import { regex } from './traffic.ts';

const PORT = 8080;

test.each([
  ['a', 'f/r2:97-97/m', 1],
  ['.', 'f/r2:0-9,11-255/m', 1],
  ['(?s).', 'f/r2:0-255/m', 1],
  ['[a-c]', 'f/r2:97-99/m', 1],
  ['(?i)a', 'f/r2:65-65,97-97/m', 1],
  ['a|b', 'f/r2:97-98/m', 1],
  ['ab', 'f/r2:97-97/r3:98-98/m', 1],
  ['a*', 'f/r2:97-97/a1,3/m', 2],
  ['a?', 'f/r3:97-97/a1,3/m', 2],
  ['a+', 'f/r2:97-97/a1,3/m', 1],
  ['^a$', 'f/e2,4/r3:97-97/e4,8/m', 1],
  ['\\ba\\B', 'f/e2,16/r3:97-97/e4,32/m', 1],
  ['(a)', 'f/n2/r3:97-97/n4/m', 1],
])('the program of %s', (expression, code, start) => {
  const program = regexProgram(expression);
  expect(program.code).toBe(code);
  expect(program.reference).toBe(`${program.id}.${start}`);
});

it('has one name for one program', () => {
  expect(regexProgram('a|b').id).toBe(regexProgram('[ab]').id);
  expect(regexProgram('a').id).not.toBe(regexProgram('b').id);
});

describe('a running HAProxy', () => {
  let proxy: TestProxy;
  beforeAll(async () => {
    proxy = await createTestProxy();
  });
  afterAll(async () => {
    await proxy.stop();
  });

  it('matches what RE2 matches, the whole of it', async () => {
    const expressions = [...new Set(fc.sample(regex, 1200))]
      .filter((text) => text !== '' && isAccepted(text))
      .slice(0, 300);
    const values = [...new Set(fc.sample(value, 600))]
      .filter((text) => text === text.trim() && text !== '')
      .slice(0, 150);
    const rules = expressions.map((expression, index) =>
      ruleOf(`r${index}`, { port: PORT, hostnames: [`h${index}.x`] }, [
        {
          name: 'yes',
          matches: [{ headers: [{ name: 'x-v', type: 'Regex', value: expression }] }],
          respond: { status: 210 },
        },
        { name: 'no', respond: { status: 211 } },
      ]),
    );
    await proxy.apply(rules);
    let matched = 0;
    const differences: string[] = [];
    await Promise.all(
      expressions.map(async (expression, index) => {
        for (const text of values.slice(index % 10, (index % 10) + 20)) {
          const { status } = await proxy.get(PORT, '/', { host: `h${index}.x`, headers: { 'X-V': text } });
          const wanted = RE2JS.compile(expression).matches(text);
          matched += wanted ? 1 : 0;
          if (status !== (wanted ? 210 : 211)) differences.push(`${expression} on ${JSON.stringify(text)}: ${status}`);
        }
      }),
    );
    expect(differences).toEqual([]);
    expect(matched).toBeGreaterThan(100);
  });

  it('takes no longer for an expression that others take forever for', async () => {
    await proxy.apply([
      ruleOf('r', PORT, [
        {
          name: 'slow',
          matches: [{ headers: [{ name: 'x-v', type: 'Regex', value: '(a*)*(a|aa)*b' }] }],
          respond: { status: 210 },
        },
        { name: 'no', respond: { status: 211 } },
      ]),
    ]);
    const value = 'a'.repeat(4000);
    expect((await proxy.get(PORT, '/', { headers: { 'X-V': value } })).status).toBe(211);
    expect((await proxy.get(PORT, '/', { headers: { 'X-V': `${value}b` } })).status).toBe(210);
  });
});

const value = fc
  .array(fc.constantFrom('a', 'b', 'A', '/', '.', '0', '7', '%', 'x.php', 'ab', ' ', '_', 'é'), {
    minLength: 1,
    maxLength: 5,
  })
  .map((list) => list.join(''));

function isAccepted(expression: string): boolean {
  try {
    RE2JS.compile(expression);
    return true;
  } catch {
    return false;
  }
}
