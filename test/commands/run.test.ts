/** `webpool run` from outside: what a user types, sees and breaks. */
import { once } from 'node:events';
import { rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runCommands } from '../../operator/driver/runtime-socket.ts';
import { request } from '../support/http-client.ts';
import { makeRunFolder, type RunFolder, type RunProcess } from '../support/run-process.ts';
import { eventually } from '../support/wait.ts';
import { startWebServer, type WebServer } from '../support/web-server.ts';

const PORT = 8080;

function poolText(name: string, servers: readonly WebServer[], more = ''): string {
  const endpoints = servers.map((one) => `    - {name: ${one.name}, address: ${one.address}, port: ${one.port}}`);
  return `apiVersion: webpool.dev/v1alpha1
kind: WebPool
metadata: {name: ${name}}
spec:
  healthCheck: {type: HTTP, path: /health, interval: 1s}
  externalEndpoints:
${endpoints.join('\n')}
${more}`;
}

function ruleText(name: string, path: string, pool: string): string {
  return `apiVersion: webpool.dev/v1alpha1
kind: RoutingRule
metadata: {name: ${name}}
spec:
  listener: {protocol: HTTP, port: ${PORT}}
  rules:
    - {name: all, matches: [{path: {type: Prefix, value: ${path}}}], pools: [{name: ${pool}}]}
`;
}

describe('webpool run', () => {
  let folder: RunFolder;
  let servers: readonly WebServer[];

  const visit = async (path = '/') => {
    const answer = await request({ address: folder.bind, port: PORT }, path);
    return answer.server ?? `${answer.status} ${String(answer.headers['x-webpool-reason'])}`;
  };
  const reason = async (name: string) => {
    const ready = await folder.condition(name, 'Ready');
    return ready === undefined ? '' : `${ready.status} ${ready.reason}`;
  };
  const became = (name: string, wanted: string) =>
    eventually(`${name} is ${wanted}`, async () => (await reason(name)) === wanted);

  /** Status files may be those of an earlier run. */
  const serves = (run: RunProcess) =>
    eventually('the pool serves', async () => {
      const { proxy, servers: rows } = await run.ask();
      return proxy?.programmed && rows.some(({ standing }) => standing === 'Ready');
    });

  beforeAll(async () => {
    servers = await Promise.all(['web01', 'web02', 'web03'].map((name) => startWebServer({ name })));
    folder = await makeRunFolder();
    await folder.write('pool.yaml', poolText('site', servers.slice(0, 2)));
    await folder.write('rule.yaml', ruleText('site', '/', 'site'));
  });
  afterEach(() => folder.endRuns());
  afterAll(async () => {
    await folder.remove();
    for (const server of servers) await server.stop();
  });

  test('serves the folder, follows edits without a reload and says so', async () => {
    const run = await folder.start();
    await serves(run);
    await became('webpool.default.site', 'True Ready');
    await became('routingrule.default.site', 'True Ready');
    expect(['web01', 'web02']).toContain(await visit());

    await folder.write('pool.yaml', poolText('site', servers));
    await eventually('the new server serves', async () => (await visit()) === 'web03');
    await folder.write('pool.yaml', poolText('site', servers.slice(0, 1)));
    await eventually('only the first serves', async () => {
      for (let i = 0; i < 6; i++) if ((await visit()) !== 'web01') return false;
      return true;
    });
    await folder.write('shop.yaml', ruleText('shop', '/shop', 'nowhere'));
    await became('routingrule.default.shop', 'False BackendNotFound');
    expect(await visit('/shop')).toBe('500 pool-not-found');
    expect(await visit('/')).toBe('web01');
    expect(await run.metrics()).not.toMatch(/^webpool_reloads_total\{/m);
    expect(await run.end()).toBe(0);
    expect(await folder.haproxy()).toBeUndefined();
  });

  test('a broken file harms nobody: what it held serves on, and errors.yaml has file and line', async () => {
    const run = await folder.start();
    await serves(run);
    await folder.write('pool.yaml', 'kind: [WebPool');
    const errors = await eventually('the error is told', async () => (await run.ask()).errors[0]);
    expect(errors).toMatch(/^pool\.yaml:1: is no YAML/);
    await eventually('a file tells it', async () => (await folder.statusFiles()).includes('errors.yaml'));
    expect(await visit()).toBe('web01');
    await folder.write('pool.yaml', poolText('site', servers.slice(0, 1)));
    await eventually('all is well', async () => (await run.ask()).errors.length === 0);
    await eventually('the file is gone', async () => !(await folder.statusFiles()).includes('errors.yaml'));
    expect(await run.end()).toBe(0);
  });

  test('a port that another program holds costs its own rules alone, at the start too, until it is free', async () => {
    const own = await makeRunFolder();
    const hold = async () => {
      const other = createServer((socket) => socket.end('not us'));
      await new Promise<void>((done) => other.listen(8081, own.bind, done));
      return () => new Promise((done) => other.close(done));
    };
    const ready = (name: string) => own.condition(`routingrule.default.${name}`, 'Ready');
    const at = async (port: number) => (await request({ address: own.bind, port }, '/')).server;
    const other = ruleText('other', '/', 'site').replace(`port: ${PORT}`, 'port: 8081');
    try {
      let release = await hold();
      await own.write(
        'site.yaml',
        [poolText('site', servers.slice(0, 1)), ruleText('site', '/', 'site')].join('\n---\n'),
      );
      await own.write('other.yaml', other);
      const run = await own.start();
      await eventually('the free port serves', async () => (await at(PORT).catch(() => undefined)) === 'web01');
      const told = await eventually('the rule says so', async () => {
        const condition = await ready('other');
        return condition?.reason === 'PortUnavailable' && condition;
      });
      expect(told.message).toMatch(/^spec\.listener\.port: Port 8081 is held by node \(process \d+\) on this host\./);
      await eventually('the other rule is well', async () => (await ready('site'))?.status === 'True');
      await release();
      await eventually('it is opened', async () => (await at(8081).catch(() => undefined)) === 'web01');
      await eventually('the rule is well', async () => (await ready('other'))?.status === 'True');

      await own.write('other.yaml', 'apiVersion: v1\nkind: Secret\nmetadata: {name: unused}\n');
      await eventually('it is closed', async () => (await at(8081).catch(() => 'closed')) === 'closed');
      release = await hold();
      const reloads = async () =>
        Number(/^webpool_reloads_total\{reason="listeners"\} (\d+)$/m.exec(await run.metrics())?.[1]);
      await eventually('both reloads are counted', async () => (await reloads()) === 2);
      await own.write('other.yaml', other);
      await eventually('the rule says so again', async () => (await ready('other'))?.['reason'] === 'PortUnavailable');
      expect(await at(PORT)).toBe('web01');
      expect(await reloads()).toBe(2);
      await release();
      await eventually('it is opened again', async () => (await at(8081).catch(() => undefined)) === 'web01');
      expect(await run.end()).toBe(0);
    } finally {
      await own.remove();
    }
  });

  test('--tcp-ports: a TCP rule needs no reload, and a port of them that another program holds harms no other', async () => {
    const own = await makeRunFolder();
    const other = createServer();
    await new Promise<void>((done) => other.listen(20_003, own.bind, done));
    const [server] = servers;
    const relay = poolText('relay', server === undefined ? [] : [server], '  protocol: TCP').replace(
      'type: HTTP, path: /health',
      'type: TCP',
    );
    const tcp = (port: number) =>
      ruleText(`tcp-${port}`, '/', 'relay')
        .replace('protocol: HTTP', 'protocol: TCP')
        .replace(`port: ${PORT}`, `port: ${port}`)
        .replace(/matches: .*?}}], /, '');
    const serves = (port: number) =>
      eventually(
        `${port} serves`,
        async () => (await request({ address: own.bind, port }, '/').catch(() => undefined))?.server === 'web01',
      );
    try {
      await own.write('relay.yaml', relay);
      const run = await own.start(['--tcp-ports', '20000-20007']);
      await eventually('the pool is there', async () =>
        (await run.ask()).servers.some(({ standing }) => standing === 'Ready'),
      );
      await own.write('a.yaml', tcp(20_001));
      await serves(20_001);
      expect(await run.metrics()).not.toMatch(/^webpool_reloads_total\{/m);
      await own.write('b.yaml', tcp(20_003));
      await eventually('the rule says that its port is held', async () =>
        JSON.stringify(await own.status('routingrule.default.tcp-20003')).includes('PortUnavailable'),
      );
      await new Promise((done) => other.close(done));
      await serves(20_003);
      await serves(20_001);
      expect(await run.end()).toBe(0);
    } finally {
      other.close();
      await own.remove();
    }
  });

  test('--zone: servers near this host serve first', async () => {
    const own = await makeRunFolder();
    const pool = servers.reduce(
      (text, { port, name }) => text.replace(`port: ${port}}`, `port: ${port}, zone: ${name === 'web02' ? 'b' : 'a'}}`),
      poolText('site', servers, '  trafficDistribution: PreferSameZone'),
    );
    try {
      await own.write('a.yaml', `${pool}\n---\n${ruleText('all', '/', 'site')}`);
      const run = await own.start(['--zone', 'b']);
      await eventually(
        'all to be ready',
        async () => (await run.ask()).servers.filter(({ standing }) => standing === 'Ready').length === servers.length,
      );
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => request({ address: own.bind, port: PORT }, '/')),
      );
      expect([...new Set(answers.map(({ server }) => server))]).toEqual(['web02']);
      expect(await run.end()).toBe(0);
    } finally {
      await own.remove();
    }
  });

  test('a second run on the same folder is refused', async () => {
    const run = await folder.start();
    const second = await folder.command(['run', folder.path, '--http', '127.0.0.1:0']);
    expect(second.code).toBe(2);
    expect(second.out).toContain(`another webpool (process ${run.pid}) runs on this folder`);
    await run.end();
  });

  test('a second run on the same HAProxy is refused', async () => {
    const run = await folder.start();
    const other = await makeRunFolder();
    const second = await other.command(['run', other.path, '--state-dir', `${folder.path}/.status/haproxy`, '--once']);
    await other.remove();
    expect(second.out).toMatch(
      /^webpool: another webpool has its HAProxy in .*: give another folder with --state-dir$/m,
    );
    expect(second.code).toBe(2);
    await run.end();
  });

  test('what an earlier run left, damaged or of another process by now, keeps nobody from starting', async () => {
    // After the host was started again, the number may be that of any process.
    const leftovers = JSON.stringify({ url: 'http://127.0.0.1:1', pid: process.pid });
    for (const text of [leftovers, '{"url', 'null']) {
      await writeFile(join(folder.path, '.status/instance.json'), text);
      await writeFile(join(folder.path, '.status/.databases.json'), text.slice(0, 5));
      const run = await folder.start();
      await run.end();
    }
  });

  test('a status address that is taken ends it, before anything is touched', async () => {
    const taken = createServer();
    await once(taken.listen(0, '127.0.0.1'), 'listening');
    const { port } = taken.address() as AddressInfo;
    const { code, out } = await folder.command(['run', folder.path, '--http', `127.0.0.1:${port}`]);
    taken.close();
    expect(out).toBe(
      `webpool: cannot listen on http://127.0.0.1:${port}: somebody else listens there. Give another address with --http\n`,
    );
    expect(code).toBe(2);
    expect(await folder.haproxy()).toBeUndefined();
  });

  test('who may read the folder may read how it is, and nobody else HAProxy itself', async () => {
    const run = await folder.start();
    await became('webpool.default.site', 'True Ready');
    const modeOf = async (name: string) => (await stat(join(folder.path, '.status', name))).mode & 0o777;
    const names = ['', 'instance.json', 'webpool.default.site.yaml', 'haproxy', 'haproxy/haproxy.cfg'];
    const modes = await Promise.all(names.map(modeOf));
    expect(modes.map((mode) => mode.toString(8))).toEqual(['755', '644', '644', '700', '600']);
    await run.end();
  });

  test('SIGHUP has it look at everything again, and go on', async () => {
    const run = await folder.start();
    await serves(run);
    process.kill(run.pid, 'SIGHUP');
    await eventually('it says so', () => run.log().includes('asked to look at everything again'));
    await folder.write('pool.yaml', poolText('site', servers.slice(1, 2)));
    await eventually('it goes on', async () => (await visit()) === 'web02');
    await folder.write('pool.yaml', poolText('site', servers.slice(0, 1)));
    await eventually('it goes on', async () => (await visit()) === 'web01');
    expect(await run.end()).toBe(0);
  });

  test('a killed run leaves HAProxy serving, and the next takes it over: no request is lost', async () => {
    const first = await folder.start();
    await serves(first);
    const master = await folder.haproxy();
    const answers: string[] = [];
    const enough = new AbortController();
    const visitors = (async () => {
      while (!enough.signal.aborted) answers.push(await visit());
    })();
    await first.end('SIGKILL');
    const second = await folder.start();
    await eventually('it took over', () => second.log().includes('"took-over"'));
    const before = answers.length;
    await eventually('visitors go on', () => answers.length > before + 20);
    enough.abort();
    await visitors;
    expect(await folder.haproxy()).toBe(master);
    expect(new Set(answers)).toEqual(new Set(['web01']));
    await second.end();
  });

  test('a log for which the disk has no room keeps nobody from working', async () => {
    await folder.write('pool.yaml', poolText('site', servers.slice(0, 1)));
    const run = await folder.start([], '/dev/full');
    await serves(run);
    await folder.write('pool.yaml', poolText('site', servers.slice(1, 2)));
    await eventually('it follows', async () => (await visit()) === 'web02');
    await folder.write('pool.yaml', poolText('site', servers.slice(0, 1)));
    await eventually('it follows', async () => (await visit()) === 'web01');
    expect([await run.end(), run.log()]).toEqual([0, '']);
  });

  test('a run that hangs holds up no request, however much HAProxy has to tell meanwhile', async () => {
    const run = await folder.start();
    await serves(run);
    const admin = join(folder.path, '.status', 'haproxy', 'admin.sock');
    const [state = ''] = await runCommands(admin, ['show servers state']);
    const [, backend = '', server = ''] = / (http_default_site\S*) \d+ (\S+) /.exec(state) ?? [];
    process.kill(run.pid, 'SIGSTOP');
    try {
      const states = ['drain', 'ready'].map((word) => `set server ${backend}/${server} state ${word}`);
      await runCommands(admin, Array.from({ length: 1000 }, () => states).flat());
      for (let turn = 0; turn < 10; turn++) expect(await visit()).toBe('web01');
    } finally {
      process.kill(run.pid, 'SIGCONT');
    }
    expect(await run.end()).toBe(0);
  });

  test('what HAProxy said as it crashed is in the log, however much it printed before', async () => {
    const run = await folder.start();
    await serves(run);
    const admin = join(folder.path, '.status', 'haproxy', 'admin.sock');
    const [info = '', state = ''] = await runCommands(admin, ['show info', 'show servers state']);
    const [, backend = '', server = ''] = / (http_default_site\S*) \d+ (\S+) /.exec(state) ?? [];
    const states = ['drain', 'ready'].map((word) => `set server ${backend}/${server} state ${word}`);
    await runCommands(admin, Array.from({ length: 50 }, () => states).flat());
    process.kill(Number(/^Pid: (\d+)$/m.exec(info)?.[1]), 'SIGKILL');
    await eventually('its last words', () => /haproxy alert/.test(run.log()) && /exited with code 137/.test(run.log()));
    await eventually('another HAProxy serves', async () => (await visit()) === 'web01');
    await run.end();
  });

  test('HAProxy that crashed is back with the same servers', async () => {
    const run = await folder.start();
    await serves(run);
    const master = (await folder.haproxy()) ?? 0;
    process.kill(master, 'SIGKILL');
    await eventually('another HAProxy serves', async () => {
      const now = await folder.haproxy();
      return now !== undefined && now !== master && (await visit()) === 'web01';
    });
    await run.end();
  });

  test('who removes .status loses neither a request nor the control of HAProxy', async () => {
    const run = await folder.start();
    await serves(run);
    const before = (await folder.haproxy()) ?? 0;
    const answers: string[] = [];
    const enough = new AbortController();
    const visitors = (async () => {
      while (!enough.signal.aborted) answers.push(await visit());
    })();
    // Again while it is written to.
    await rm(join(folder.path, '.status'), { recursive: true, maxRetries: 20, retryDelay: 5 });
    const now = await eventually('another HAProxy can be spoken to', () => folder.haproxy());
    expect(now).not.toBe(before);
    await eventually('the one before is gone', () => {
      try {
        return !process.kill(before, 0);
      } catch {
        return true;
      }
    });
    enough.abort();
    await visitors;
    expect(new Set(answers)).toEqual(new Set(['web01']));
    await became('webpool.default.site', 'True Ready');
    await became('routingrule.default.site', 'True Ready');
    await folder.write('pool.yaml', poolText('site', servers.slice(1, 2)));
    await eventually('it follows', async () => (await visit()) === 'web02');
    expect((await folder.command(['status', folder.path])).out).toContain(`pid ${run.pid}`);
    await folder.write('pool.yaml', poolText('site', servers.slice(0, 1)));
    await eventually('it follows', async () => (await visit()) === 'web01');
    expect(await run.end()).toBe(0);
    expect(await folder.haproxy()).toBeUndefined();
  });

  test('--once applies, reports and leaves HAProxy serving; its exit code is 1 while something is not Ready', async () => {
    const args = ['run', folder.path, '--bind', folder.bind, '--http', '127.0.0.1:0', '--once', '--timeout', '3s'];
    const bad = await folder.command(args);
    expect(bad.code).toBe(1);
    expect(bad.out).toContain('BackendNotFound');
    expect(await visit()).toBe('web01');
    await folder.write('shop.yaml', ruleText('shop', '/shop', 'site'));
    const good = await folder.command(['run', folder.path, '--bind', folder.bind, '--http', '127.0.0.1:0', '--once']);
    expect(good.out).toContain('shop');
    expect(good.code).toBe(0);
    expect(await folder.haproxy()).toBeDefined();
  });
});
