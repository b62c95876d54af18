/** Objects that are not as they should be, on a real control plane: each harms itself at most, and says so. */
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { load } from 'js-yaml';
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

const POOLS_CRD = new URL('../../crds/webpools.yaml', import.meta.url);

describeWhere('bad objects', await missingOperatorWorld(), () => {
  let world: OperatorWorld;
  let proxy: ProxyPod;
  let operator: OperatorProcess;
  let visitors: Load;

  beforeAll(async () => {
    world = await startOperatorWorld();
    operator = await world.startOperator('operator-1');
    await world.apply(...world.site({ grant: true }));
    proxy = await world.startProxy();
    await world.ready('webpool/blog', 'routingrule/site', 'databasegrant/blog-db');
    visitors = startLoad({ address: proxy.bind, port: 8080 }, { clients: 1, perSecond: 20 });
  }, BUILD_TIMEOUT);
  afterAll(async () => {
    await visitors?.stop();
    await world?.stop();
  });

  const kubectl = (args: readonly string[]) => world.plane.kubectl(args);
  const create = (object: object) => world.plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(object) });
  const replace = (input: string) => world.plane.kubectl(['replace', '-f', '-'], { input });
  const has = (object: string, type: string, wanted: { readonly status?: string; readonly reason?: string }) =>
    eventually(`${object}: ${type} ${JSON.stringify(wanted)}`, async () => {
      const found = await world.condition(object, type);
      const { status = found?.status, reason = found?.reason } = wanted;
      if (found === undefined || found.status !== status || found.reason !== reason)
        throw new Error(JSON.stringify(found));
      return found;
    });
  /** The site of everybody else. */
  const unharmed = async () => {
    await visitors.more(10);
    expect(visitors.failures).toEqual([]);
    expect(await world.accounts()).toEqual([world.network.hostAddress]);
    expect(await world.machines()).toContain('web01');
  };
  const allElseIsWell = async () => {
    await unharmed();
    await world.ready('routingrule/site', 'databasegrant/blog-db');
  };
  const sliceOf = (name: string, labels: object) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': 'blog', ...labels } },
    addressType: 'IPv4',
    ports: [{ name: '', protocol: 'TCP', port: world.machine.port }],
    endpoints: [{ addresses: ['198.18.255.66'], hostname: 'web01', conditions: { ready: true } }],
  });

  test('a status that somebody edits by hand is put right', async () => {
    const lie = {
      type: 'Ready',
      status: 'False',
      reason: 'Lie',
      message: '',
      lastTransitionTime: '2020-01-01T00:00:00Z',
    };
    const patch = JSON.stringify({ status: { observedGeneration: 99, conditions: [lie] } });
    await kubectl(['patch', 'webpool', 'blog', '--subresource=status', '--type=merge', '-p', patch]);
    await has('webpool/blog', 'Ready', { status: 'True', reason: 'Ready' });
    expect(await kubectl(['get', 'webpool', 'blog', '-o', 'jsonpath={.status.observedGeneration}'])).toBe('1');
    await allElseIsWell();
  });

  test("a slice of somebody else that says it is ours is nobody's server, and told", async () => {
    await create(sliceOf('claimed', { 'endpointslice.kubernetes.io/managed-by': 'webpool.dev' }));
    const { message } = await has('webpool/blog', 'PartiallyInvalid', { status: 'True', reason: 'EndpointIgnored' });
    expect(message).toContain('"claimed"');
    await allElseIsWell();
    await kubectl(['delete', 'endpointslice', 'claimed']);
    await eventually(
      'it is over',
      async () => (await world.condition('webpool/blog', 'PartiallyInvalid')) === undefined,
    );
    await world.ready('webpool/blog');
  });

  test('one with all our labels goes, as a slice of ours that nobody wants any more would, and an event says so', async () => {
    const labels = { 'endpointslice.kubernetes.io/managed-by': 'webpool.dev', 'webpool.dev/pool': 'blog' };
    await create(sliceOf('forged', labels));
    await eventually(
      'it goes',
      async () => !(await kubectl(['get', 'endpointslices', '-o', 'name'])).includes('forged'),
    );
    await eventually('an event', async () => {
      const events = await kubectl([
        'get',
        'events',
        '--field-selector=involvedObject.name=blog',
        '-o',
        'jsonpath={.items[*].message}',
      ]);
      return events.includes('"forged"');
    });
    await allElseIsWell();
  });

  test("a Service that has the name of a pool stays its owner's, and the pool says whose it is", async () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'shop', namespace: 'default' },
      spec: { selector: { app: 'theirs' }, ports: [{ port: 80 }] },
    };
    await create(service);
    const endpoint = { name: 'vm', address: world.network.hostAddress, port: world.machine.port };
    await world.apply(world.ours('WebPool', 'shop', { externalEndpoints: [endpoint] }));
    const { message } = await has('webpool/shop', 'Accepted', { status: 'False', reason: 'Conflicted' });
    expect(message).toContain('Service "shop"');
    expect(await kubectl(['get', 'service', 'shop', '-o', 'jsonpath={.spec.selector.app}'])).toBe('theirs');
    await allElseIsWell();
    await kubectl(['delete', 'service', 'shop']);
    await has('webpool/shop', 'Ready', { status: 'True' });
    await kubectl(['delete', 'webpool', 'shop']);
  });

  test('a pool that is deleted and made anew at once has its Service and its machine', async () => {
    const pool = world.ours('WebPool', 'again', {
      externalEndpoints: [{ name: 'vm', address: world.network.hostAddress, port: world.machine.port }],
    });
    for (let count = 0; count < 3; count += 1) {
      await world.apply(pool);
      await has('webpool/again', 'Ready', { status: 'True' });
      await kubectl(['delete', 'webpool', 'again', '--wait=false']);
    }
    await world.apply(pool);
    await has('webpool/again', 'Ready', { status: 'True' });
    const owners = async (kind: string) =>
      kubectl([
        'get',
        kind,
        '-l',
        'webpool.dev/pool=again',
        '-o',
        'jsonpath={.items[*].metadata.ownerReferences[*].uid}',
      ]);
    const uid = await kubectl(['get', 'webpool', 'again', '-o', 'jsonpath={.metadata.uid}']);
    await eventually('all is of the new one', async () => {
      return (await owners('services')) === uid && (await owners('endpointslices')) === uid;
    });
    await allElseIsWell();
    await kubectl(['delete', 'webpool', 'again']);
  });

  test('a Secret that is no certificate keeps its own host waiting, and no other', async () => {
    await world.apply(
      world.secret('junk', { 'tls.crt': 'no certificate', 'tls.key': 'no key' }),
      world.ours('RoutingRule', 'secure', {
        listener: { protocol: 'HTTPS', port: 8443, tls: { secretName: 'junk' } },
        hostnames: ['secure.example.com'],
        rules: [{ name: 'all', pools: [{ name: 'blog' }] }],
      }),
    );
    await has('routingrule/secure', 'ResolvedRefs', { status: 'False', reason: 'InvalidCertificateRef' });
    await allElseIsWell();
    await kubectl(['delete', 'routingrule', 'secure']);
  });

  test('a field of a newer version is told of, and what was in force stays', async () => {
    await replace(JSON.stringify(await laxPools()));
    await taken('newer', { port: 80, futureField: { deep: true } });
    const pool = world.site()[2] as { readonly spec: object };
    await world.apply(world.ours('WebPool', 'blog', { ...pool.spec, balance: { algorithm: 'Psychic' } }));
    await has('webpool/blog', 'Accepted', { status: 'False' });
    await allElseIsWell();
    // One that starts now does not know what was in force: it leaves alone what it does not understand.
    await operator.restart();
    await eventually('it leads again', () => operator.leads());
    await has('databasegrant/blog-db', 'ResolvedRefs', { status: 'False', reason: 'BackendNotFound' });
    // A watch that was open when the kind changed goes on without the fields that it did not know; a list has them.
    const { message } = await has('webpool/newer', 'Accepted', { status: 'False', reason: 'InvalidSpec' });
    expect(message).toContain('futureField');
    await unharmed();
    await world.apply(...world.site());
    await has('webpool/blog', 'Ready', { status: 'True' });
  });

  test('what an older version let in is told of after an update, and harms nobody', async () => {
    // Neither would be let in today; nobody writes them again.
    await replace(JSON.stringify(await laxPools()));
    await taken('older', { port: 70_000 });
    await taken('oldest', { externalEndpoints: [{ name: 'vm' }] });
    await replace(await readFile(POOLS_CRD, 'utf8'));
    await operator.restart();
    for (const name of ['older', 'oldest'])
      await has(`webpool/${name}`, 'Accepted', { status: 'False', reason: 'InvalidSpec' });
    await allElseIsWell();
    await has('webpool/blog', 'Ready', { status: 'True' });
    await kubectl(['delete', 'webpool', 'newer', 'older', 'oldest']);
  });

  /** Once the API server has the new schema, which it does not have in all its parts at once. */
  async function taken(name: string, spec: object): Promise<void> {
    await eventually('the API server takes it', async () => {
      await world.apply(world.ours('WebPool', name, spec));
      const text = await kubectl(['get', 'webpool', name, '-o', 'jsonpath={.spec}']);
      if (isDeepStrictEqual(JSON.parse(text), spec)) return true;
      await kubectl(['delete', 'webpool', name]);
      return false;
    });
  }

  /** The CRD of a version that lets everything in. */
  async function laxPools(): Promise<object> {
    interface Crd {
      readonly spec: {
        readonly versions: readonly {
          readonly schema: { readonly openAPIV3Schema: { readonly properties: Record<string, unknown> } };
        }[];
      };
    }
    const crd = load(await readFile(POOLS_CRD, 'utf8')) as Crd;
    for (const { schema } of crd.spec.versions)
      schema.openAPIV3Schema.properties['spec'] = {
        type: 'object',
        // By it people may select.
        properties: { protocol: { type: 'string' } },
        'x-kubernetes-preserve-unknown-fields': true,
      };
    return crd;
  }
});
