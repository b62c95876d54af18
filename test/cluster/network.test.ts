import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWhere } from '../support/announce.ts';
import { eventually } from '../support/wait.ts';
import { missingNetwork, startNetwork, type Network } from './network.ts';
import type { Vm } from './vm.ts';

describeWhere('a network', await missingNetwork(), () => {
  let network: Network;
  let vm: Vm;
  beforeAll(async () => {
    network = await startNetwork();
    vm = await network.startVm({ name: 'web01' });
  });
  afterAll(() => network?.stop());

  async function ask(host: string): Promise<unknown> {
    const { statusCode, body } = await request(`http://${host}:${vm.port}/a?b=1`, { headersTimeout: 500 });
    return { status: statusCode, ...((await body.json()) as object) };
  }

  test('reaches a VM by both its addresses', async () => {
    const seen = { status: 200, server: 'web01', method: 'GET', url: '/a?b=1' };
    expect(await ask(vm.address)).toMatchObject({ ...seen, remote: network.hostAddress });
    expect(await ask(`[${vm.address6}]`)).toMatchObject({ ...seen, remote: network.address6Of(254) });
    expect(await vm.visits()).toHaveLength(2);
  });

  test('lets VMs reach one another, and a VM change its mind', async () => {
    const other = await network.startVm({ name: 'web02', port: 8080 });
    await other.behave({ status: 503, body: 'closed' });
    const answer = await vm.run(['curl', '-s', '-w', '%{http_code}', `http://${other.address}:8080/`]);
    expect(answer).toBe('closed503');
    await other.stop();
    const again = await network.startVm({ name: 'web02', host: 11 });
    expect(await vm.run(['curl', '-s', `http://${again.address}/`])).toContain('"server":"web02"');
  });

  test('loses a VM in silence when it is unplugged', async () => {
    await vm.unplug();
    await expect(ask(vm.address)).rejects.toThrow();
    await vm.plug();
    await eventually('VM is back', async () => (await ask(vm.address)) !== undefined);
  });

  test('is gone when its maker crashes', async () => {
    const module = new URL('network.ts', import.meta.url).href;
    const script = `const { startNetwork } = await import('${module}'); console.log((await startNetwork()).netns);`;
    const maker = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [name] = (await once(maker.stdout, 'data')) as [Buffer];
    const file = `/run/netns/${name.toString().trim()}`;
    expect(existsSync(file)).toBe(true);
    maker.kill('SIGKILL');
    await eventually('the namespace is gone', () => !existsSync(file));
  });
});
