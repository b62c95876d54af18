/** `webpool operator`: proxies, Services, slices, accounts and statuses of a cluster; one process of several leads. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { readOperatorConfig, type OperatorConfig } from '../api/operator-config.ts';
import { createDatabaseRail } from '../controller/database-rail.ts';
import { lingeringHosts } from '../controller/lingering.ts';
import { startOperator, type Operator } from '../controller/operator.ts';
import { createClusterMarks, FINALIZER } from '../driver/cluster-marks.ts';
import { createClusterObjectsDriver } from '../driver/cluster-objects.ts';
import { createDatabaseServer } from '../driver/mysql-server.ts';
import { createNameResolver } from '../driver/names.ts';
import { createBackoff, waitFor } from '../kube/backoff.ts';
import { guardedClient, type Client } from '../kube/client.ts';
import { createRecorder, type Recorder } from '../kube/events.ts';
import { startElection } from '../kube/lease.ts';
import { apiVersionOf, reached } from '../kube/resource.ts';
import { TYPES } from '../kube/types.ts';
import { createClusterWorld } from '../source/cluster-world.ts';
import { createKubernetesSource, type KubernetesSource } from '../source/kubernetes.ts';
import { figuresOf } from '../status/figures.ts';
import { createClusterMetrics } from '../telemetry/cluster-metrics.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Gauges } from '../telemetry/metrics.ts';
import { startHttp } from '../telemetry/server.ts';
import { aborted, openCluster } from './cluster.ts';
import { tenths } from './proxy-events.ts';
import { UsageError } from './usage-error.ts';

export interface OperatorCommandOptions {
  /** Path; default: the Pod's own identity, or what kubectl would use. */
  readonly kubeconfig?: string;
  /** Path of the settings. */
  readonly config: string;
  /** Image of the proxies where the settings name none. Default: that of the Pod that we are in. */
  readonly image?: string;
  readonly http: { readonly host: string; readonly port: number };
  /** Where we are, and our proxies. */
  readonly namespace: string;
  /** Of this process. */
  readonly name: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onStarted?: (url: string) => void;
}

const LEASE = 'webpool-operator';
/** Failed rounds in a row after which we are not healthy. */
const UNHEALTHY = 10;
const LOST = 1;
/** What metrics call the two. */
const CONTROLLERS = { make: 'cluster', tell: 'status' } as const;

/** Runs until the signal, or until it does not lead any more; returns the exit code. */
export async function operator(options: OperatorCommandOptions): Promise<number> {
  const { log, namespace } = options;
  const config = await settings(options.config);
  const lost = new AbortController();
  const metrics = createClusterMetrics({
    gauges: () => gaugesOf(running),
    copies: () => [...source.freshness(), ...world.freshness()],
    leading: () => ({ name: LEASE, leads: election.leading }),
    controllers: [...Object.values(CONTROLLERS), 'database'],
  });
  const cluster = await openCluster({ ...options, component: 'operator', metrics });
  const client = guardedClient(cluster.client, () => election.leading);
  const namespaces = config.watchNamespaces;
  let image = options.image ?? config.proxy.image;
  const imageKnown = async () => {
    image ??= await ownImage(client, options);
  };
  const source = createKubernetesSource({
    client,
    validate: cluster.validate,
    log,
    namespaces,
    grants: true,
    secrets: 'WatchedNamespaces',
    copiesMadeIn: namespace,
    statuses: true,
  });
  const world = createClusterWorld({ client, namespaces, home: namespace, log });
  const recorder = createRecorder({
    client: cluster.client,
    controller: 'webpool.dev/operator',
    instance: options.name,
    log,
  });
  const databases = createDatabaseRail({
    open: ({ id, host, port }) => createDatabaseServer({ id, host, port, log }),
    secretValue: (secret, key) => source.secretValue(secret, key),
    proxy: () => running.proxies,
    departed: () => world.departed(),
    lingering: (resources) => lingeringHosts(resources, world.pods().values()),
    onRound: (id, result, milliseconds) => {
      const { problem, statements } = result;
      const ended = problem === undefined ? 'success' : 'error';
      metrics.reconcile('database', ended, milliseconds / 1000);
      metrics.round({
        rail: 'database',
        result: ended,
        seconds: milliseconds / 1000,
        changes: { statement: statements },
      });
      if (problem === undefined)
        log.info({ server: id, statements, ms: tenths(milliseconds) }, 'database looked after');
      else log.warn({ server: id, reason: problem.reason, why: problem.message }, 'database not as it should be');
      running.wake();
    },
    onError: (id, error) => log.error({ server: id, err: error }, 'database round failed'),
    // A grant that is deleted waits for us by its finalizer: nothing has to be remembered elsewhere.
    remembered: [],
    remember: () => undefined,
    allowed: () => election.leading,
  });
  const resolver = createNameResolver({ onChange: () => running.wake() });
  const running: Operator = startOperator({
    source,
    world,
    resolver,
    databases,
    objects: createClusterObjectsDriver({ client, secretText: (secret, key) => source.secretValue(secret, key) }),
    marks: createClusterMarks(client),
    installation: () => {
      if (image === undefined) throw new Error('the image of the proxies is not known yet');
      return { namespace, image, config };
    },
    ready: imageKnown(),
    finalizer: FINALIZER,
    leads: () => election.leading,
    reached,
    now: () => `${new Date().toISOString().slice(0, 19)}Z`,
    tell: (subject, { type, reason, note }) => {
      recordAbout(recorder, source, { ...subject, type, reason, note });
    },
    onRound: (work, result, milliseconds) => metrics.reconcile(CONTROLLERS[work], result, milliseconds / 1000),
    onError: (error, what) => log.error({ err: error, what }, 'round failed: trying again'),
  });
  const election = startElection({
    transport: client.transport,
    namespace,
    name: LEASE,
    identity: `${options.name}_${randomUUID()}`,
    log,
    onLeading: () => running.wake(),
    onLost: () => {
      log.error('the lease was lost: another process leads now');
      lost.abort();
    },
  });
  const http = await startHttp({
    ...options.http,
    anyName: true,
    status: () => ({
      leads: election.leading,
      leader: election.leader,
      config,
      documents: running.snapshot?.documents,
    }),
    healthy: () => ({ ok: running.failures < UNHEALTHY, message: `${running.failures} failed rounds in a row` }),
    ready: () => {
      // One that stands by is ready too: it has everything that it needs to take over.
      const ok = [...source.freshness(), ...world.freshness()].every(({ synced }) => synced);
      return { ok, message: ok ? 'every copy is complete' : 'not everything was listed yet' };
    },
    metrics,
  });
  log.info({ namespace, port: http.port }, 'webpool operator runs');
  options.onStarted?.(`http://${options.http.host}:${http.port}`);

  await aborted(AbortSignal.any([options.signal, lost.signal]));
  await running.stop();
  await election.stop();
  await recorder.stop();
  resolver.close();
  metrics.close();
  await source.close();
  await world.close();
  await cluster.close();
  await http.close();
  log.info('webpool operator ended');
  return lost.signal.aborted ? LOST : 0;
}

async function settings(path: string): Promise<OperatorConfig> {
  const verdict = readOperatorConfig(load(await readFile(path, 'utf8')));
  if ('config' in verdict) return verdict.config;
  const lines = verdict.problems.map((one) => `  ${one.path ?? ''}: ${one.message}`);
  throw new UsageError(`${path} cannot be used:\n${lines.join('\n')}`);
}

/** Tries for as long as it takes: whoever ends because the API server is away would be made to wait for minutes when it is back. */
async function ownImage(client: Client, { namespace, name, log, signal }: OperatorCommandOptions): Promise<string> {
  const backoff = createBackoff();
  for (;;) {
    try {
      const pod = await client.get(TYPES.Pod, { namespace, name });
      const { containers = [] } = (pod['spec'] ?? {}) as PodFields;
      const image = containers[0]?.image;
      if (image !== undefined) return image;
      throw new UsageError(`Pod ${namespace}/${name} names no image: give one with --image`);
    } catch (error) {
      log.warn({ err: error }, 'the image of this Pod is not known: asking again');
      await waitFor(backoff.next(), signal);
      signal.throwIfAborted();
    }
  }
}

interface PodFields {
  readonly containers?: readonly { readonly image?: string }[];
}

function gaugesOf({ snapshot }: Operator): Gauges {
  if (snapshot !== undefined) return figuresOf(snapshot);
  return { programmed: false, endpoints: [], accounts: [], findings: [], certificates: [] };
}

type Words = Parameters<Parameters<typeof startOperator>[0]['tell']>[0] &
  Parameters<Parameters<typeof startOperator>[0]['tell']>[1];

function recordAbout(recorder: Recorder, source: KubernetesSource, { kind, key, type, reason, note }: Words): void {
  const metadata = source.object(kind, key)?.object.metadata;
  if (metadata === undefined) return;
  const { namespace, name, uid } = metadata;
  const subject = {
    apiVersion: apiVersionOf(TYPES[kind]),
    kind,
    namespace,
    name,
    ...(uid !== undefined && { uid }),
  };
  recorder.record(subject, { type, reason, action: 'Reconcile', note });
}
