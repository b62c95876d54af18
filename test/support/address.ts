import { createServer, type AddressInfo } from 'node:net';

/** An address of the loopback that no other test, worktree or program is likely to use at the same time. */
export function loopbackAddress(): string {
  const octet = (from: number, to: number) => from + Math.floor(Math.random() * (to - from));
  return `127.${octet(16, 250)}.${octet(1, 250)}.${octet(1, 250)}`;
}

/** A port that nobody uses on `address` at the moment. */
export async function freePortOn(address: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

/** Whether this host has IPv6 on its loopback. */
export async function hasIpv6(): Promise<boolean> {
  return freePortOn('::1').then(
    () => true,
    () => false,
  );
}
