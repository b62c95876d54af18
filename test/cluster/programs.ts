/** Where the programs of Kubernetes are: in KUBEBUILDER_ASSETS, or built once from `control/` and kept outside the tree. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { takeLock } from './lock.ts';

export type ProgramName =
  'etcd' | 'kube-apiserver' | 'kubectl' | 'kube-controller-manager' | 'kube-scheduler' | 'kubelet' | 'kube-proxy';

const ALL: readonly ProgramName[] = [
  'etcd',
  'kube-apiserver',
  'kubectl',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
];

const MODULE = new URL('control/', import.meta.url).pathname;
/** What the module's `go` line asks for. */
const GO = { major: 1, minor: 24 } as const;

/** Time for a hook that may have to build: minutes, once per machine. */
export const BUILD_TIMEOUT = 45 * 60_000;

/** Says what this machine lacks to run these programs; undefined = nothing. */
export async function missingPrograms(names: readonly ProgramName[]): Promise<string | undefined> {
  if ((await fromAssets(names)) !== undefined || (await isThere(join(await cacheFolder(), 'control'))))
    return undefined;
  const go = await goVersion();
  if (go !== undefined && (go.major > GO.major || go.minor >= GO.minor)) return undefined;
  const assets = process.env['KUBEBUILDER_ASSETS'];
  return `needs ${names.join(', ')}: ${
    assets === undefined ? 'KUBEBUILDER_ASSETS is not set' : `KUBEBUILDER_ASSETS (${assets}) has not all of them`
  } and there is no Go ${GO.major}.${GO.minor} or later to build them`;
}

/** The folder with these programs, each under its name. Builds them where need be, one process at a time. */
export async function programFolder(names: readonly ProgramName[]): Promise<string> {
  const assets = await fromAssets(names);
  if (assets !== undefined) return assets;
  const folder = await cacheFolder();
  if (await isThere(join(folder, 'control'))) return folder;
  const lock = await takeLock(`${folder}.lock`, { wait: true });
  try {
    if (!(await isThere(join(folder, 'control')))) await build(folder);
  } finally {
    await lock?.release();
  }
  return folder;
}

/** The version of Kubernetes that `control/` builds, such as v1.34.4. */
export async function kubernetesVersion(): Promise<string> {
  const text = await readFile(join(MODULE, 'go.mod'), 'utf8');
  return /k8s\.io\/kubernetes (v[\d.]+)/.exec(text)?.[1] ?? 'v0.0.0';
}

/** The folder for what takes long to make and is the same for every checkout. */
export function cacheRoot(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'webpool');
}

async function cacheFolder(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['main.go', 'go.mod', 'go.sum']) hash.update(await readFile(join(MODULE, name)));
  return join(cacheRoot(), `kubernetes-${await kubernetesVersion()}-${hash.digest('hex').slice(0, 12)}`);
}

async function fromAssets(names: readonly ProgramName[]): Promise<string | undefined> {
  const folder = process.env['KUBEBUILDER_ASSETS'];
  if (folder === undefined) return undefined;
  const there = await Promise.all(names.map((name) => isThere(join(folder, name))));
  return there.every(Boolean) ? folder : undefined;
}

async function build(folder: string): Promise<void> {
  const version = await kubernetesVersion();
  const [major = '', minor = ''] = version.slice(1).split('.');
  await mkdir(cacheRoot(), { recursive: true });
  const work = await mkdtemp(`${folder}-`);
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 1000);
  say(`building Kubernetes ${version} for the tests, once per machine: 5 to 20 minutes`);
  const stamp = { gitVersion: version, gitMajor: major, gitMinor: minor };
  const stamps = Object.entries(stamp).map(([key, value]) => `-X k8s.io/component-base/version.${key}=${value}`);
  const args = ['build', '-v', '-trimpath', '-buildvcs=false', '-ldflags', ['-s', '-w', ...stamps].join(' ')];
  const go = spawn('go', [...args, '-o', join(work, 'control'), '.'], {
    cwd: MODULE,
    env: { ...process.env, CGO_ENABLED: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let packages = 0;
  const others: string[] = [];
  createInterface(go.stderr).on('line', (line) => {
    if (/^[\w.~/-]+$/.test(line)) packages += 1;
    else if (!line.startsWith('go: downloading')) others.push(line);
  });
  const progress = setInterval(() => say(`${packages} packages in ${seconds()} s`), 20_000);
  const [code] = (await once(go, 'close').finally(() => clearInterval(progress))) as [number | null];
  if (code !== 0) {
    await rm(work, { recursive: true, force: true });
    throw new Error(`go build of ${MODULE} failed:\n${others.slice(-20).join('\n')}`);
  }
  for (const name of ALL) await symlink('control', join(work, name));
  await rename(work, folder);
  say(`built in ${seconds()} s`);
}

function say(text: string): void {
  process.stderr.write(`test/cluster: ${text}\n`);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function goVersion(): Promise<{ readonly major: number; readonly minor: number } | undefined> {
  const run = promisify(execFile);
  const { stdout } = await run('go', ['env', 'GOVERSION']).catch(() => ({ stdout: '' }));
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(stdout) ?? [];
  return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}
