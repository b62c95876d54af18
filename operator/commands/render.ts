/** `webpool render FOLDER`: what would be applied, offline. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { writeAtomically } from '../driver/files.ts';
import { buildProxyConfig } from '../haproxy/config.ts';
import { imageFiles, type Running } from '../haproxy/image.ts';
import type { ProxyConfig } from '../haproxy/proxy.ts';
import { renderAccounts } from '../mysql/render.ts';
import { buildStatuses } from '../status/build.ts';
import type { StatusDocument } from '../status/document.ts';
import type { ProxyObserved, ServerObserved } from '../status/observed.ts';
import type { Topology } from '../topology/topology.ts';
import { allAddresses } from './haproxy-host.ts';
import { readOffline } from './offline.ts';

export interface RenderOptions {
  /** Folder for the files; undefined = print them. */
  readonly to?: string;
  readonly bind: readonly string[];
  /** Where the load balancer is. Default: unknown. */
  readonly zone?: string;
  readonly out: (text: string) => void;
}

/** Renders a folder; exit code 0, also when some objects are refused: `check` is there for that. */
export async function render(folder: string, options: RenderOptions): Promise<number> {
  const files = await renderFolder(folder, options);
  if (options.to !== undefined) await mkdir(options.to, { recursive: true });
  for (const [name, content] of files) {
    if (options.to === undefined) options.out(`##### ${name}\n${content}${content.endsWith('\n') ? '' : '\n'}\n`);
    else await writeAtomically(join(options.to, name), content);
  }
  if (options.to !== undefined) options.out(`${files.size} files written to ${options.to}\n`);
  return 0;
}

/** Connections in the rendered file: the real number depends on the host that runs it. */
const SHOWN_CONNECTIONS = 10_000;
/** Status needs some time of day; offline there is none that matters. */
const NO_TIME = '1970-01-01T00:00:00Z';

/** The files of a folder: haproxy.cfg, the routing map, pages, accounts.sql, status.yaml. Sorted by name. */
export async function renderFolder(
  folder: string,
  { bind, zone }: Pick<RenderOptions, 'bind' | 'zone'>,
): Promise<ReadonlyMap<string, string>> {
  const { resources, topology } = await readOffline(folder);
  const router = await readFile(new URL('../haproxy/router.lua', import.meta.url), 'utf8');
  const addresses = bind.length === 0 ? allAddresses() : bind;
  const config = buildProxyConfig(topology, { bind: addresses, maxConnections: SHOWN_CONNECTIONS, router, zone });
  const observed = { proxy: predicted(topology, addresses), databases: new Map() };
  const documents = buildStatuses({
    resources,
    topology,
    observed,
    previous: () => undefined,
    now: NO_TIME,
    startedAt: NO_TIME,
  });
  const files = [...imageFiles(config, allRunning(config))].filter(([name]) => !name.endsWith('.lua'));
  files.push(['accounts.sql', accountsFile(topology)], ['status.yaml', statusFile(documents)]);
  return new Map(files.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

/** As if every server had passed its check and every certificate were accepted. */
function allRunning({ backends, certificateLists }: ProxyConfig): Running {
  return {
    backends: new Map([...backends].map(([name, { servers }]) => [name, servers])),
    certificateLists: new Map(
      [...certificateLists].map(([name, lines]) => [name, new Map([...lines].map((line) => [line, true]))]),
    ),
  };
}

function predicted(topology: Topology, bind: readonly string[]): ProxyObserved {
  const admin = { Active: 'ready', Drain: 'drain', Maintenance: 'maint' } as const;
  const pools = [...topology.pools].map(([key, { servers }]): [string, ReadonlyMap<string, ServerObserved>] => [
    key,
    new Map(servers.map(({ id, state }) => [id, { admin: admin[state], health: 'Up', leaving: false }])),
  ]);
  return { programmed: true, pools: new Map(pools), bind: bind.join(',') };
}

function accountsFile({ accounts }: Topology): string {
  return renderAccounts(accounts)
    .map(({ server, sql }) => `-- ${server}\n${sql}`)
    .join('\n');
}

function statusFile(documents: readonly StatusDocument[]): string {
  return documents
    .map(({ kind, metadata, status }) => {
      const { namespace, name } = metadata;
      return dump(
        { apiVersion: 'webpool.dev/v1alpha1', kind, metadata: { namespace, name }, status },
        { noRefs: true },
      );
    })
    .join('---\n');
}
