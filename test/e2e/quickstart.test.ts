/** The quickstart of docs/kubernetes.md, command by command, as its reader types it. The tests follow one another on one cluster. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startChild, whenTrue, type Child } from '../cluster/child.ts';
import { added, inventory } from '../cluster/inventory.ts';
import { missingCluster, type Cluster } from '../cluster/node.ts';
import { BUILD_TIMEOUT } from '../cluster/programs.ts';
import { announce, describeWhere } from '../support/announce.ts';
import { eventually } from '../support/wait.ts';
import { imageOfManifest, startClusterWithImage } from './installation.ts';
import { comparable, masked, stepsOf, type Step } from './walkthrough.ts';

/** Proxies leave in peace. */
const PATIENCE = 10 * 60_000;

const ROOT = new URL('../../', import.meta.url).pathname;
const PAGE = 'docs/kubernetes.md';
const SAMPLE = 'kubectl apply -f manifests/samples/quickstart.yaml';

/** What of the page is not done here, by the program that does it, and why. All else is. */
const NOT_HERE: Readonly<Record<string, string>> = {
  npm: 'would write into the checkout; the image gets its bundle from the same script',
  docker: 'needs its daemon; buildah makes the image, from the same Dockerfile under the same name',
  kind: 'needs Docker; the cluster is the one of test/cluster, whose containerd is given the image',
};
/** And what comes about in another way. */
const OTHERWISE: Readonly<Record<string, string>> = {
  'the image of manifests/samples':
    'registry.k8s.io is out of reach; one of the same name stands in (agnhost.Dockerfile)',
  "the cluster's DNS": 'the node has none; the test says the name of the machine once its Pod has an address',
};

const textOf = (name: string): string => readFileSync(join(ROOT, name), 'utf8');
const programOf = (command: string): string => command.split(' ')[0] ?? '';
const isHere = (command: string): boolean => !(programOf(command) in NOT_HERE);
const isLook = (command: string): boolean => /^(?:curl|for|kubectl get) /.test(command);

const steps = stepsOf(textOf(PAGE), 'Five minutes');
const commands = steps.flatMap((step) => step.commands);

test('README has commands of the page, in its order', () => {
  const short = stepsOf(textOf('README.md'), 'In Kubernetes').flatMap((step) => step.commands);
  expect(short).toEqual([...new Set(commands)].filter((command) => short.includes(command)));
});

test('the page has what is said not to be done here, for the image of the manifest', async () => {
  const elsewhere = commands.filter((command) => !isHere(command));
  expect(new Set(elsewhere.map(programOf))).toEqual(new Set(Object.keys(NOT_HERE)));
  expect(new Set(elsewhere.join('\n').match(/\S+\/webpool:\S+/g))).toEqual(new Set([await imageOfManifest()]));
});

describeWhere(`the quickstart of ${PAGE}`, await missingCluster(), () => {
  let cluster: Cluster;
  let before: ReadonlySet<string>;
  let forward: Child | undefined;
  /** Whether the page waited since it last changed something: then all that follows has to be right at once. */
  let settled = true;

  beforeAll(async () => {
    for (const [what, why] of Object.entries({ ...NOT_HERE, ...OTHERWISE })) announce(`${what} in ${PAGE}`, why);
    cluster = await startClusterWithImage();
    before = await inventory(cluster);
  }, BUILD_TIMEOUT);
  afterAll(async () => {
    await forward?.end();
    await cluster?.stop();
  });

  const here = steps
    .map((step) => ({ ...step, commands: step.commands.filter(isHere) }))
    .filter((step) => step.commands.length > 0);
  test.each(here.map((step) => [step.commands.join('; '), step] as const))(
    '%s',
    { timeout: PATIENCE },
    async (_, step) => {
      await follow(step);
    },
  );

  test('leaves nothing behind', { timeout: PATIENCE }, async () => {
    await eventually('nothing is left', async () => (await left()).length === 0).catch(() => {});
    expect(await left()).toEqual([]);
  });

  /** Does what a step says and compares what it shows. */
  async function follow({ commands: all, shown }: Step): Promise<void> {
    const acts = all.filter((command) => !isLook(command));
    expect(all.slice(0, acts.length), 'who looks does so last, and may look again').toEqual(acts);
    const outputs: string[] = [];
    for (const command of acts) outputs.push(await act(command));
    const look = async (): Promise<readonly string[]> => {
      const seen = [];
      for (const command of all.slice(acts.length)) seen.push(await shell(command));
      return comparable([...outputs, ...seen], shown).map(masked);
    };
    const wanted = shown.map(masked);
    let seen = await look();
    if (!settled)
      await eventually('what the page shows', async () => {
        seen = await look();
        return isDeepStrictEqual(seen, wanted);
      }).catch(() => {});
    expect(seen).toEqual(wanted);
  }

  async function act(command: string): Promise<string> {
    if (command.includes(' port-forward ')) return stay(command);
    settled = command.startsWith('kubectl wait ');
    const output = await shell(command);
    if (command === SAMPLE) await nameMachine();
    return output;
  }

  /** Runs it in a shell of its own until the end. */
  async function stay(command: string): Promise<string> {
    const log = join(cluster.folder, 'forward.log');
    const [program = '', ...args] = inRoot(`exec ${command}`);
    forward = await startChild({ command: program, args, log, netns: cluster.network.netns });
    const { tail } = forward;
    await whenTrue(forward, command, async () => (await tail()).includes('Forwarding from'));
    return '';
  }

  async function nameMachine(): Promise<void> {
    const pod = ['-n', 'quickstart', 'get', 'pod/web01', '-o', 'jsonpath={.status.podIP}'];
    const address = await eventually('web01 runs', async () => (await cluster.kubectl(pod)) || false);
    await cluster.setNames({ 'web01.machines.quickstart.svc.cluster.local': [address] });
  }

  function shell(command: string): Promise<string> {
    return cluster.network.run(inRoot(command));
  }

  /** A reader's shell: in the checkout, with kubectl on its path and knowing the cluster. */
  function inRoot(command: string): readonly string[] {
    const path = `${cluster.programs}:${process.env['PATH'] ?? ''}`;
    const own = [`PATH=${path}`, `KUBECONFIG=${cluster.kubeconfig}`, `HOME=${cluster.folder}`];
    return ['env', '-C', ROOT, ...own, 'sh', '-c', command];
  }

  async function left(): Promise<readonly string[]> {
    return added(before, await inventory(cluster));
  }
});
