/** What kubectl wait, Flux (kstatus) and Argo CD make of the statuses that we write. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, test } from 'vitest';
import { HAPROXY } from '../support/haproxy.ts';
import { fluxProblems, kstatus, waitEnds, type Shown } from './readers.ts';
import { CASES, type Situation } from './situations.ts';
import { messageOf, VM } from './world.ts';

interface Expected {
  readonly wait: boolean;
  readonly flux: ReturnType<typeof kstatus>;
  readonly argo: 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended';
}

const EXPECTED: Readonly<Record<Situation, Expected>> = {
  OperatorDown: { wait: false, flux: 'InProgress', argo: 'Progressing' },
  Working: { wait: false, flux: 'InProgress', argo: 'Progressing' },
  Good: { wait: true, flux: 'Current', argo: 'Healthy' },
  Hopeless: { wait: false, flux: 'Failed', argo: 'Degraded' },
  Broken: { wait: false, flux: 'InProgress', argo: 'Degraded' },
  Paused: { wait: true, flux: 'Current', argo: 'Suspended' },
  NewVersion: { wait: false, flux: 'InProgress', argo: 'Progressing' },
};

const ARGO = new URL('../../manifests/argocd/', import.meta.url);
const SCRIPT = readFileSync(new URL('health.lua', ARGO), 'utf8');

describe.each(CASES)('$situation $kind', ({ situation, object }) => {
  const expected = EXPECTED[situation];

  test('kubectl wait', () => {
    expect(waitEnds(object)).toBe(expected.wait);
  });

  test('kstatus', () => {
    expect(kstatus(object)).toBe(expected.flux);
  });

  test('the rules of Flux', () => {
    // Before the operator has looked there is nothing to keep to.
    if (object.status?.observedGeneration === object.metadata.generation) expect(fluxProblems(object)).toEqual([]);
    else expect(['OperatorDown', 'NewVersion']).toContain(situation);
  });
});

describe('the health script for Argo CD', () => {
  // HAProxy brings the Lua that we have anyway.
  const answers = runLua(CASES.map(({ object }) => object));

  test.each(CASES.map((found, index) => ({ ...found, answer: answers[index] })))(
    'calls $situation $kind as it is',
    ({ situation, object, answer }) => {
      const { status = {} } = object;
      const seen = status.observedGeneration === object.metadata.generation;
      const message = seen ? messageOf(status, 'Ready') : 'Waits for the operator';
      expect(answer).toEqual({ status: EXPECTED[situation].argo, message });
    },
  );

  test('is as good as its words for an object that nobody has ever looked at', () => {
    expect(runLua([{ metadata: { generation: 1 } }])[0]?.status).toBe('Progressing');
  });

  test('uses nothing that Lua 5.1 lacks', () => {
    const code = SCRIPT.replaceAll(/--.*$/gm, '').replaceAll(/"[^"]*"/g, '""');
    expect(code).not.toMatch(/\bgoto\b|\/\/|[&|]|<<|>>|<(?:const|close)>|\btable\.(?:unpack|pack|move)\b|\butf8\b/);
  });

  test('is given to Argo CD for every kind that people write', () => {
    interface Kustomization {
      readonly namespace: string;
      readonly configMapGenerator: readonly { readonly name: string; readonly files: readonly string[] }[];
    }
    const { namespace, configMapGenerator } = load(
      readFileSync(new URL('kustomization.yaml', ARGO), 'utf8'),
    ) as Kustomization;
    const kinds = ['WebPool', 'RoutingRule', 'DatabaseGrant'];
    const files = kinds.map((kind) => `resource.customizations.health.webpool.dev_${kind}=health.lua`);
    expect([namespace, configMapGenerator]).toEqual(['argocd', [{ name: 'argocd-cm', files }]]);
  });
});

interface Health {
  readonly status: string;
  readonly message: string;
}

/** What the script says of each object. */
function runLua(objects: readonly Shown[]): readonly Health[] {
  const folder = mkdtempSync(join(tmpdir(), 'webpool-lua-'));
  try {
    const lines = [
      `local health = function() ${SCRIPT}\nend`,
      ...objects.map(
        (object) =>
          `obj = ${luaOf({ spec: VM, ...object })}\ndo local h = health() print("@" .. h.status .. "\\t" .. h.message) end`,
      ),
    ];
    writeFileSync(join(folder, 'test.lua'), lines.join('\n'));
    writeFileSync(
      join(folder, 'haproxy.cfg'),
      `global\n  lua-load ${join(folder, 'test.lua')}\nfrontend none\n  bind 127.0.0.1:1\n`,
    );
    const options = { encoding: 'utf8', stdio: 'pipe' } as const;
    const output = execFileSync(HAPROXY, ['-c', '-f', join(folder, 'haproxy.cfg')], options);
    return [...output.matchAll(/^@(\w+)\t(.*)$/gm)].map(([, status = '', message = '']) => ({ status, message }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Plain data as a Lua expression. */
function luaOf(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(luaOf).join(', ')}}`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${fields.map(([name, field]) => `[${JSON.stringify(name)}] = ${luaOf(field)}`).join(', ')}}`;
  }
  return JSON.stringify(value);
}
