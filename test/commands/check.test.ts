import { describe, expect, test } from 'vitest';
import { check } from '../../operator/commands/check.ts';
import { UsageError } from '../../operator/commands/usage-error.ts';
import { folderOf, POOL, RULE } from './folders.ts';

const GRANT = `apiVersion: webpool.dev/v1alpha1
kind: DatabaseGrant
metadata: {name: site}
spec:
  server: {host: db01.example.com, adminSecretName: admin}
  username: site
  passwordSecret: {name: site, key: password}
  pools: [{name: blog}]
  grants: [{schema: Site, privileges: [SELECT]}]
`;

const SECRETS = `apiVersion: v1
kind: Secret
metadata: {name: admin}
stringData: {username: webpool, password: a}
---
apiVersion: v1
kind: Secret
metadata: {name: site}
stringData: {password: b}
`;

interface Said {
  readonly code: number;
  readonly text: string;
}

async function say(files: Readonly<Record<string, string>>, output: 'text' | 'json' = 'text'): Promise<Said> {
  const texts: string[] = [];
  const code = await check(await folderOf(files), { output, out: (text) => texts.push(text) });
  return { code, text: texts.join('') };
}

describe('webpool check', () => {
  test('finds nothing wrong, also where servers are given by names that nobody can look up here', async () => {
    const files = { 'a.yaml': POOL, 'b.yaml': RULE, 'c.yaml': `${GRANT}---\n${SECRETS}` };
    expect(await say(files)).toEqual({ code: 0, text: '3 objects, nothing wrong\n' });
  });

  test('in an empty folder there is nothing', async () => {
    expect(await say({})).toEqual({ code: 0, text: '0 objects, nothing wrong\n' });
  });

  test('says everything at once, by file and line', async () => {
    const { code, text } = await say({
      'a.yaml': POOL.replace('port: 80', 'port: 0').replace('web03', 'Web03'),
      'b.yaml': `# a rule\n${RULE.replace('value: /blog', 'value: blog').replace('name: blog}]', 'name: blgo}]')}---\nkind: [\n`,
      'sub/c.yaml': GRANT.replace('[SELECT]', '[SELCT]'),
    });
    expect(text.split('\n')).toEqual([
      'a.yaml:5: WebPool default/blog: spec.port: 0 is out of range: 1 to 65535',
      expect.stringMatching(/^a\.yaml:9: WebPool default\/blog: spec\.externalEndpoints\[2\]\.name: "Web03" is not /),
      expect.stringMatching(
        /^b\.yaml:9: RoutingRule default\/site: spec\.rules\[0\]\.matches\[0\]\.path\.value: "blog" does not begin/,
      ),
      expect.stringMatching(/^b\.yaml:13: is no YAML: /),
      expect.stringMatching(
        /^sub\/c\.yaml:9: DatabaseGrant default\/site: spec\.grants\[0\]\.privileges\[0\]: "SELCT" is not one of .* Did you mean SELECT\?$/,
      ),
      '5 findings',
      '',
    ]);
    expect(code).toBe(1);
  });

  test('also says what objects ask of each other', async () => {
    const { text } = await say({
      'a.yaml': RULE,
      'b.yaml': RULE.replace('name: site', 'name: site2').replaceAll('name: blog', 'name: nowhere'),
      'c.yaml': GRANT,
    });
    expect(text).toMatch(/^a\.yaml:9: RoutingRule default\/site: .*"blog"/m);
    expect(text).toMatch(/^b\.yaml:\d+: RoutingRule default\/site2: .*site/m);
    expect(text).toMatch(/^c\.yaml:5: DatabaseGrant default\/site: .*admin/m);
  });

  test('in words that cannot steer a terminal', async () => {
    const { text } = await say({ '\u001b]0;x\u0007.yaml': 'kind: [' });
    expect(text).toMatch(/^\\u\{1b\}\]0;x\\u\{7\}\.yaml:\d+: is no YAML/);
  });

  test('as JSON the same', async () => {
    const { code, text } = await say({ 'a.yaml': POOL.replace('port: 80', 'port: 0') }, 'json');
    expect(JSON.parse(text)).toEqual({
      findings: [
        {
          file: 'a.yaml',
          line: 5,
          object: 'WebPool default/blog',
          path: 'spec.port',
          condition: 'Accepted',
          reason: 'InvalidSpec',
          message: '0 is out of range: 1 to 65535',
        },
      ],
    });
    expect(code).toBe(1);
    expect(JSON.parse((await say({ 'a.yaml': POOL }, 'json')).text)).toEqual({ findings: [] });
  });

  test('a folder that is not there is a wrong call', async () => {
    await expect(check('/nowhere/at/all', { output: 'text', out: () => {} })).rejects.toThrow(UsageError);
  });
});
