/** Images for the node: built by buildah and kept outside the tree, as archives named after what went in. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, cp, mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { run } from './child.ts';
import { takeLock } from './lock.ts';
import { cacheRoot } from './programs.ts';

/** What an image is made of. */
export interface Recipe {
  /** With its tag. */
  readonly image: string;
  readonly dockerfile: string;
  /** Path in the build context → file or folder to put there. */
  readonly files: Readonly<Record<string, string>>;
  /** Has steps that install from Debian on the base image. */
  readonly onDebian: boolean;
}

/** The program that waits for its end: the sandbox of every Pod, and a shell with small tools for tests. */
export const BUSYBOX: Recipe = {
  image: 'webpool.test/busybox:1',
  dockerfile: new URL('images/busybox.Dockerfile', import.meta.url).pathname,
  files: { busybox: '/bin/busybox' },
  onDebian: false,
};

const root = new URL('../../', import.meta.url).pathname;

/** Bundles this checkout and builds its image under this name; the path of the archive. */
export async function buildImageOfCheckout(image: string): Promise<string> {
  const dist = await mkdtemp(join(tmpdir(), 'webpool-dist-'));
  try {
    await run([process.execPath, join(root, 'scripts/build.ts'), dist]);
    const node = 'node_modules/node/bin/node';
    const files = { dist, [node]: join(root, node) };
    return await buildImage({ image, dockerfile: join(root, 'Dockerfile'), files, onDebian: true });
  } finally {
    await rm(dist, { recursive: true, force: true });
  }
}

/** The base image of the Dockerfile. Where its registry is out of reach, mmdebstrap makes one of the same name. */
const BASE = 'docker.io/library/debian:trixie-slim';
const KEPT = 5;
const MIRROR = process.env['WEBPOOL_DEBIAN_MIRROR'] ?? 'http://deb.debian.org/debian';

/** Says what this machine lacks to build images; undefined = nothing. */
export async function missingForImages(): Promise<string | undefined> {
  const needed = ['buildah', 'mmdebstrap'];
  const missing = [];
  for (const name of needed) {
    const found = await run(['sh', '-c', `command -v ${name}`]).catch(() => undefined);
    if (found === undefined) missing.push(name);
  }
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')} (sh scripts/setup-cluster.sh)`;
}

/** Builds an image unless it was built before; the path of its archive (docker-archive). */
export async function buildImage(recipe: Recipe): Promise<string> {
  const name = recipe.image.replaceAll(/[^\w.-]/g, '-');
  const archive = join(cacheRoot(), 'images', `${name}-${await hashOf(recipe)}.tar`);
  if (await isThere(archive)) {
    await utimes(archive, new Date(), new Date());
    return archive;
  }
  const lock = await takeLock(join(cacheRoot(), 'images.lock'), { wait: true });
  try {
    if (!(await isThere(archive))) await build(recipe, archive);
  } finally {
    await lock?.release();
  }
  return archive;
}

async function build(recipe: Recipe, archive: string): Promise<void> {
  if (recipe.onDebian) await buildBase();
  const context = await mkdtemp(join(tmpdir(), 'webpool-image-'));
  const partial = `${archive}.partial`;
  try {
    for (const [to, from] of Object.entries(recipe.files)) {
      await cp(from, join(context, to), { recursive: true, dereference: true });
    }
    await buildah(['build', '--layers', '--pull-never', '-f', recipe.dockerfile, '-t', recipe.image, context]);
    await mkdir(dirname(archive), { recursive: true });
    await rm(partial, { force: true });
    await buildah(['push', '--quiet', recipe.image, `docker-archive:${partial}:${recipe.image}`]);
    await rename(partial, archive);
    await forgetOlder(archive);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** A Debian of the base image's name, made from packages. */
async function buildBase(): Promise<void> {
  const known = await buildah(['images', '--quiet', BASE]).catch(() => '');
  if (known !== '') return;
  const context = await mkdtemp(join(tmpdir(), 'webpool-base-'));
  try {
    const dockerfile = new URL('images/base.Dockerfile', import.meta.url).pathname;
    const lean = ['doc', 'man', 'locale', 'info'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
    const own = ['--quiet', '--variant=minbase', '--include=ca-certificates', ...lean];
    await run(['mmdebstrap', ...own, 'trixie', join(context, 'base.tar'), MIRROR]);
    await buildah(['build', '--pull-never', '-f', dockerfile, '-t', BASE, context]);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** Our own storage: nobody else's images are touched, and none of theirs get in. */
function buildah([command = '', ...args]: readonly string[]): Promise<string> {
  const storage = join(cacheRoot(), 'buildah');
  const own = ['--root', storage, '--runroot', join(storage, 'run'), '--storage-driver', 'overlay'];
  const isolation = command === 'build' ? ['--isolation', 'chroot', '--network', 'host', '--quiet'] : [];
  return run(['buildah', ...own, command, ...isolation, ...args]);
}

/** Archives are large: only a few of an image stay, for the checkouts that are at work at the same time. */
async function forgetOlder(archive: string): Promise<void> {
  const folder = dirname(archive);
  const stemOf = (name: string): string => name.replace(/-[0-9a-f]+\.tar$/, '');
  const names = (await readdir(folder)).filter((name) => stemOf(name) === stemOf(basename(archive)));
  const aged = await Promise.all(names.map(async (name) => ({ name, age: -(await stat(join(folder, name))).mtimeMs })));
  const old = aged.toSorted((a, b) => a.age - b.age).slice(KEPT);
  for (const { name } of old) await rm(join(folder, name), { force: true });
}

async function hashOf({ image, dockerfile, files }: Recipe): Promise<string> {
  const hash = createHash('sha256').update(image);
  for (const [to, from] of [['Dockerfile', dockerfile] as const, ...Object.entries(files)]) {
    for (const path of await filesBelow(from)) {
      hash.update(`\n${to} ${path.slice(from.length)}\n`);
      for await (const part of createReadStream(path)) hash.update(part as Buffer);
    }
  }
  return hash.digest('hex').slice(0, 12);
}

async function filesBelow(path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return [path];
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
