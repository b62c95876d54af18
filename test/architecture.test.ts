/** The rooms of the house: who may import whom, and what a pure room must not do. The table stands in ARCHITECTURE.md too. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

interface Room {
  readonly rooms: readonly string[];
  readonly packages: readonly string[];
  readonly pure?: true;
  /** Rooms of which only types may be taken. */
  readonly types?: readonly string[];
}

const PURE = ['api', 'topology', 'haproxy', 'mysql', 'cluster', 'status'];

const ROOMS: Readonly<Record<string, Room>> = {
  api: { rooms: [], packages: ['ajv', 'ipaddr.js', 're2js'], pure: true },
  topology: { rooms: ['api'], packages: ['ipaddr.js', 're2js'], pure: true },
  haproxy: { rooms: ['api', 'topology'], packages: ['node:crypto', 're2js'], pure: true },
  mysql: { rooms: ['api', 'topology'], packages: [], pure: true },
  cluster: { rooms: ['api', 'topology'], packages: ['node:crypto'], pure: true },
  status: { rooms: ['api', 'topology'], packages: [], pure: true },
  controller: { rooms: PURE, packages: [], types: ['source', 'driver'] },
  kube: {
    rooms: [],
    packages: [
      '@kubernetes/client-node',
      'undici',
      'undici/lib/api/api-request.js',
      'undici/lib/dispatcher/agent.js',
      'node:crypto',
      'node:fs/promises',
      'node:https',
      'node:path',
      'node:timers/promises',
    ],
  },
  source: {
    rooms: ['api', 'kube'],
    packages: [
      'js-yaml',
      'node:fs',
      'node:fs/promises',
      'node:path',
      'node:crypto',
      'node:tls',
      'node:url',
      'node:timers/promises',
    ],
    types: ['topology', 'status', 'telemetry'],
  },
  driver: {
    rooms: ['api', 'haproxy', 'mysql', 'cluster', 'kube'],
    packages: [
      'mysql2',
      'mysql2/promise',
      'node:child_process',
      'node:crypto',
      'node:dns/promises',
      'node:fs/promises',
      'node:net',
      'node:path',
      'node:readline',
      'node:timers/promises',
      'node:tls',
    ],
    types: ['topology'],
  },
  telemetry: { rooms: [], packages: ['pino', 'prom-client', 'node:http', 'node:net', 'node:perf_hooks'] },
};

const root = new URL('../operator/', import.meta.url).pathname;

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, room: name.split('/')[0] ?? '', text: readFileSync(join(root, name), 'utf8') }));

function importsOf(text: string): readonly Import[] {
  const pattern = /^(?:import|export)\s+(type\s+)?([^;]*?)\s*from\s+'([^']+)'/gms;
  return [...text.matchAll(pattern)].map(([, type, names = '', from = '']) => {
    const list = names
      .replaceAll(/[{}\s]+/g, ' ')
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean);
    return {
      from,
      typeOnly: type !== undefined || (list.length > 0 && list.every((name) => name.startsWith('type '))),
    };
  });
}

/** The words of the code, without comments and strings, so that neither can break the rule. */
function codeOf(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replaceAll(/'(?:\\.|[^'\\\n])*'/g, "''");
}

function roomOf(file: string, target: string): string {
  return relative(root, normalize(join(root, dirname(file), target))).split('/')[0] ?? '';
}

function broken(name: string, room: Room, own: string): string[] {
  const text = files.find((file) => file.name === name)?.text ?? '';
  return importsOf(text).flatMap(({ from, typeOnly }) => {
    if (!from.startsWith('.')) return room.packages.includes(from) ? [] : [`${name} imports ${from}`];
    const target = roomOf(name, from);
    const allowed =
      target === own || room.rooms.includes(target) || (typeOnly && room.types?.includes(target) === true);
    return allowed ? [] : [`${name} imports ${from}`];
  });
}

describe('rooms', () => {
  test.each(Object.entries(ROOMS))('%s imports only what its row allows', (own, room) => {
    const inRoom = files.filter((file) => file.room === own);
    expect(inRoom.length).toBeGreaterThan(0);
    expect(inRoom.flatMap(({ name }) => broken(name, room, own))).toEqual([]);
  });

  test('every folder has its row; commands and main.ts may import everything', () => {
    const folders = new Set(files.filter(({ name }) => name.includes('/')).map(({ room }) => room));
    expect([...folders].filter((room) => room !== 'commands' && ROOMS[room] === undefined)).toEqual([]);
  });

  test('nobody imports commands', () => {
    const guilty = files.filter(
      ({ room, name, text }) =>
        room !== 'commands' && name !== 'main.ts' && importsOf(text).some(({ from }) => from.includes('/commands/')),
    );
    expect(guilty.map(({ name }) => name)).toEqual([]);
  });

  test.each(PURE)('%s is pure: no clock, random, environment, timer, logger or async', (own) => {
    const impure =
      /\bDate\b|\bMath\.random\b|\bprocess\b|\bconsole\b|\bset(?:Timeout|Interval|Immediate)\b|\basync\b|\bawait\b|\bperformance\b|\bfetch\(/;
    const guilty = files.filter(({ room, text }) => room === own && impure.test(codeOf(text)));
    expect(guilty.map(({ name, text }) => `${name}: ${impure.exec(codeOf(text))?.[0]}`)).toEqual([]);
  });

  test('ARCHITECTURE.md shows the same table', () => {
    const text = readFileSync(new URL('../ARCHITECTURE.md', import.meta.url), 'utf8');
    for (const [own, { rooms, packages }] of Object.entries(ROOMS)) {
      const row = text.split('\n').find((line) => line.startsWith(`| \`${own}\` |`)) ?? '';
      const words = new Set(row.match(/`[^`]+`/g)?.map((word) => word.slice(1, -1)));
      expect([own, ...[...rooms, ...packages].filter((word) => !words.has(word))]).toEqual([own]);
    }
  });
});
