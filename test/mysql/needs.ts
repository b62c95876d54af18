import type { Key } from '../../operator/api/resources.ts';
import type { AccountNeed } from '../../operator/topology/topology.ts';

export interface NeedOptions extends Partial<AccountNeed['spec']> {
  readonly grant?: Key;
  readonly port?: number;
  readonly secretVersion?: string;
}

/** A need with everything filled in: `shop` may SELECT and INSERT on schema `shop`. */
export function need(hosts: readonly string[], options: NeedOptions = {}): AccountNeed {
  const { grant = 'default/shop', port = 3306, secretVersion = '1', ...spec } = options;
  const passwordSecret = spec.passwordSecret ?? { name: 'shop-db', key: 'password' };
  return {
    grant,
    generation: 1,
    spec: {
      server: { host: '127.0.0.1', port, adminSecretName: 'admin' },
      username: 'shop',
      grants: [{ schema: 'shop', privileges: ['SELECT', 'INSERT'] }],
      ...spec,
      passwordSecret,
    },
    server: {
      id: `127.0.0.1:${port} as default/admin`,
      host: '127.0.0.1',
      port,
      adminSecret: 'default/admin',
      tls: { mode: 'Preferred' },
    },
    password: { secret: `default/${passwordSecret.name}`, key: passwordSecret.key, version: secretVersion },
    hosts: [...hosts].sort().map((host) => ({ host, servers: [] })),
  };
}
