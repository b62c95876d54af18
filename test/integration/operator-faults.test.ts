/** Operators and the API server fail: no visitor, no server and no account is lost, and it shows. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUILD_TIMEOUT } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { startLoad, type Load } from '../support/http-client.ts';
import type { ProxyPod } from '../support/proxy-pod.ts';
import { eventually } from '../support/wait.ts';
import {
  missingOperatorWorld,
  startOperatorWorld,
  type OperatorProcess,
  type OperatorWorld,
} from './operator-world.ts';

/** A Lease is free 15 s after it was last renewed, and looked at every 2 s. */
const PATIENCE = 240_000;
/** Longer than a Lease (15 s), a report (15 s) and a request (30 s) count: whatever waits for the API server has given up by then. */
const LONG = 35_000;

/** A leader that is well looks at its databases that often. */
const RESYNC = 31_000;
const ROUNDS = 'controller_runtime_reconcile_total{controller="cluster",result="success"}';
/** Which slices of machines there are, and how often each was written. */
const SLICES = ['get', 'endpointslices', '-l', 'endpointslice.kubernetes.io/managed-by=webpool.dev'];
const WRITTEN = '{range .items[*]}{.metadata.name} {.metadata.uid} {.metadata.generation};{end}';

describeWhere('with two operators', await missingOperatorWorld(), () => {
  let world: OperatorWorld;
  let proxy: ProxyPod;
  let load: Load;
  const operators: OperatorProcess[] = [];
  let pods = 0;

  beforeAll(async () => {
    world = await startOperatorWorld();
    operators.push(await world.startOperator('operator-a'), await world.startOperator('operator-b'));
    await world.apply(...world.site({ grant: true }));
    proxy = await world.startProxy();
    await world.ready('webpool/blog', 'routingrule/site', 'databasegrant/blog-db');
    load = startLoad({ address: proxy.bind, port: 8080 }, { clients: 1, perSecond: 20 });
  }, BUILD_TIMEOUT);
  afterAll(async () => {
    await load?.stop();
    await world?.stop();
  });

  const leaders = async () => {
    const lead = await Promise.all(operators.map(async (one) => ((await one.leads()) ? [one] : [])));
    return lead.flat();
  };
  /** The one that leads, and the one that does not. */
  const roles = () =>
    eventually('one leads', async () => {
      const [leader, ...others] = await leaders();
      const follower = operators.find((one) => one !== leader);
      return leader !== undefined && follower !== undefined && others.length === 0 && { leader, follower };
    });
  /** Membership is followed, accounts and statuses are written; the machine and its account are where they were. */
  const works = async () => {
    pods += 1;
    const [name, ip] = [`blog-${pods}`, `198.18.255.${10 + pods}`];
    await world.makePod(name, { ip, gates: ['webpool.dev/blog-db'] });
    await eventually(`the account of ${name}`, async () => (await world.accounts()).includes(ip));
    await world.removePod(name);
    await eventually(`the account of ${name} goes`, async () => !(await world.accounts()).includes(ip));
    expect(await world.accounts()).toEqual([world.network.hostAddress]);
    expect(await world.machines()).toEqual(['web01']);
    await world.ready('webpool/blog', 'routingrule/site', 'databasegrant/blog-db');
  };
  const joins = async (name: string, address: string) => {
    await world.apply(...world.site({ grant: true, others: [{ name, address }] }));
    await eventually(`the account of ${name}`, async () => (await world.accounts()).includes(address));
    await eventually(`the slice of ${name}`, async () => (await world.machines()).includes(name));
  };
  const leaves = async (name: string, address: string) => {
    await world.apply(...world.site({ grant: true }));
    await eventually(`the account of ${name} goes`, async () => !(await world.accounts()).includes(address));
    expect(await world.accounts()).toEqual([world.network.hostAddress]);
    await eventually(`${name} goes`, async () => (await world.machines()).join() === 'web01');
  };
  /** The same without Kubernetes' own controllers, which take a minute to come back to an API server that was away. */
  const followsMachines = async () => {
    await joins('web02', '198.18.255.200');
    await leaves('web02', '198.18.255.200');
    await world.ready('webpool/blog', 'routingrule/site', 'databasegrant/blog-db');
  };
  const noVisitorIsLost = async () => {
    await load.more(10);
    expect(load.failures).toEqual([]);
  };

  test('one leads, the other stands by and is ready to', async () => {
    const { follower } = await roles();
    await works();
    expect(await follower.metric(ROUNDS)).toBe(0);
    await noVisitorIsLost();
  });

  test('a leader that ends hands over at once', async () => {
    const { leader, follower } = await roles();
    const begun = performance.now();
    await leader.end('SIGTERM');
    await eventually('the other leads', () => follower.leads());
    // Had it not given the Lease away, the other would have waited for its 15 s.
    expect(performance.now() - begun).toBeLessThan(14_000);
    await works();
    leader.start();
    await noVisitorIsLost();
  });

  test('a leader that is killed is followed by the other', { timeout: PATIENCE }, async () => {
    const { leader, follower } = await roles();
    await leader.end('SIGKILL');
    await eventually('the other leads', () => follower.leads());
    await works();
    leader.start();
    await noVisitorIsLost();
  });

  test(
    'a new leader that has heard of no proxy lately leaves machines where they are',
    { timeout: PATIENCE },
    async () => {
      const { leader, follower } = await roles();
      const slices = () => world.plane.kubectl([...SLICES, '-o', `jsonpath=${WRITTEN}`]);
      const before = await slices();
      expect(before).toMatch(/^blog-vm-ipv4-\d+-1 \S+ \d+;$/);
      proxy.agent.freeze();
      const programmed = () => world.condition('webpool/blog', 'Programmed');
      await eventually('the silence shows', async () => (await programmed())?.status === 'Unknown');
      await leader.end('SIGTERM');
      await eventually('the other leads', () => follower.leads());
      await eventually('it has looked', async () => ((await follower.metric(ROUNDS)) ?? 0) > 0);
      expect(await slices()).toBe(before);
      proxy.agent.thaw();
      leader.start();
      await works();
      await noVisitorIsLost();
    },
  );

  test(
    'one that wakes up after another took over does not lead any more, says so, and undoes nothing',
    { timeout: PATIENCE },
    async () => {
      const { leader, follower } = await roles();
      const { starts } = leader;
      const since = performance.now();
      leader.freeze();
      await eventually('the other leads', () => follower.leads());
      await works();
      await joins('web02', '198.18.255.201');
      await world.database.query("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = 1");
      // Of web02 the frozen one knows nothing, and its next look at the database is due as soon as it can.
      await delay(Math.max(0, since + RESYNC - performance.now()));
      leader.thaw();
      await eventually('it ends', () => leader.starts > starts);
      expect(await leader.log()).toContain('the lease was lost');
      const drops = "SELECT argument FROM mysql.general_log WHERE argument LIKE 'DROP USER%'";
      expect(await world.database.query(drops)).toEqual([]);
      expect((await roles()).leader).toBe(follower);
      expect(await world.machines()).toContain('web02');
      await world.database.query('SET GLOBAL general_log = 0');
      await leaves('web02', '198.18.255.201');
      await works();
      await noVisitorIsLost();
    },
  );

  test(
    'an API server that is silent is told of, and followed again once it speaks',
    { timeout: PATIENCE },
    async () => {
      const { leader, follower } = await roles();
      const silence = () => follower.metric('webpool_copy_silent_seconds{kind="WebPool"}');
      const begun = performance.now();
      world.plane.apiServer.freeze();
      await eventually('nobody leads any more', async () => (await leaders()).length === 0);
      const frozenFor = (performance.now() - begun) / 1000;
      expect(await silence()).toBeGreaterThan(frozenFor - 1);
      await noVisitorIsLost();
      await eventually('the one that led says so', async () => (await leader.log()).includes('the lease was lost'));
      const thawed = performance.now();
      world.plane.apiServer.thaw();
      await eventually('somebody leads', async () => (await leaders()).length === 1);
      await works();
      // Its watches went on, and nothing was written to a pool yet.
      await followsMachines();
      expect(await silence()).toBeLessThan((performance.now() - thawed) / 1000);
      await noVisitorIsLost();
    },
  );

  test(
    'an API server that is away for long is waited for, and machines are followed after it',
    { timeout: PATIENCE },
    async () => {
      await roles();
      await world.plane.apiServer.kill();
      await delay(LONG);
      await noVisitorIsLost();
      const agents = await fetch(`${proxy.url}/metrics`).then((answer) => answer.text());
      expect(agents).toMatch(/^webpool_copy_failures\{kind="WebPool"\} [1-9]/m);
      await world.plane.apiServer.start();
      await eventually('somebody leads', async () => (await leaders()).length === 1);
      // Nobody had to be started over and over: a kubelet would have made them wait for minutes by then.
      expect(operators.map(({ starts }) => starts).reduce((a, b) => a + b)).toBeLessThan(9);
      await followsMachines();
      await noVisitorIsLost();
    },
  );
});
