/** What stands in the way of a whole server. */
export interface ServerProblem {
  readonly reason:
    'ServerUnreachable' | 'AdminAuthenticationFailed' | 'AdminPrivilegeMissing' | 'ReadOnlyServer' | 'SQLError';
  /** What was seen and the way out; no statement text, no Secret. */
  readonly message: string;
}

/** An error of the connection or of a statement, as drivers give it. */
export interface ServerError {
  /** `ECONNREFUSED`, `ER_ACCESS_DENIED_ERROR` … */
  readonly code: string;
  /** The server's number; absent when it never came to that. */
  readonly errno?: number;
  readonly message: string;
}

/** Where we were trying to get. */
export interface ServerPlace {
  readonly host: string;
  readonly port: number;
}

interface Guide {
  readonly reason: ServerProblem['reason'];
  readonly message: (place: ServerPlace, error: ServerError) => string;
}

const firewall: Guide = {
  reason: 'ServerUnreachable',
  message: ({ host, port }) =>
    `no way to ${host} port ${port}: a firewall, a route or a security group is in between; allow TCP ${port} from this host ` +
    `(CentOS 6: iptables -I INPUT -p tcp -s <this host> --dport ${port} -j ACCEPT; service iptables save)`,
};
const closedEarly: Guide = {
  reason: 'ServerUnreachable',
  message: ({ host, port }) =>
    `${host} port ${port} took the connection but did not speak MySQL in time: look for tcp_wrappers, a proxy without ` +
    'its server, or a slow reverse DNS lookup on the server (skip_name_resolve)',
};

/** By code of the operating system or the driver. */
const BY_CODE: Readonly<Record<string, Guide>> = {
  ETIMEDOUT: firewall,
  EHOSTUNREACH: firewall,
  ENETUNREACH: firewall,
  ECONNREFUSED: {
    reason: 'ServerUnreachable',
    message: ({ host, port }) =>
      `${host} refuses connections on port ${port}: the server is down, or its configuration has skip-networking or ` +
      `bind-address 127.0.0.1, or SELinux keeps it from the port (semanage port -a -t mysqld_port_t -p tcp ${port})`,
  },
  ENOTFOUND: {
    reason: 'ServerUnreachable',
    message: ({ host }) => `the name ${host} does not resolve: correct spec.server.host or the DNS`,
  },
  EAI_AGAIN: {
    reason: 'ServerUnreachable',
    message: ({ host }) => `the name ${host} cannot be resolved at the moment: the DNS does not answer`,
  },
  PROTOCOL_CONNECTION_LOST: closedEarly,
  ECONNRESET: closedEarly,
  EPIPE: closedEarly,
  HANDSHAKE_NO_SSL_SUPPORT: {
    reason: 'ServerUnreachable',
    message: ({ host }) => `${host} does not offer TLS: set it up there, or set spec.server.tls.mode to Preferred`,
  },
  HANDSHAKE_SSL_ERROR: { reason: 'ServerUnreachable', message: tlsFailure },
  PROTOCOL_SEQUENCE_TIMEOUT: {
    reason: 'ServerUnreachable',
    message: ({ host }) => `${host} did not answer a statement in time: it is overloaded or a lock is held`,
  },
};

/** Source: the words of OpenSSL and of Node's check of names. */
function tlsFailure({ host }: ServerPlace, { message }: ServerError): string {
  if (/altnames/.test(message)) {
    return `the certificate of ${host} is for another name: set spec.server.tls.serverName to the name that it has`;
  }
  if (/certificate/.test(message)) {
    return `the certificate of ${host} is not signed by the authority of spec.server.tls.caSecretName, or is out of date`;
  }
  return `${host} and we have no TLS version or cipher in common: update the server, or set spec.server.tls.mode to Disabled`;
}

const limits: Guide = {
  reason: 'ServerUnreachable',
  message: ({ host }, { errno }) =>
    `${host} has no connection left for us (error ${errno}): raise max_connections or the limits of our account`,
};
const missingRight: Guide = {
  reason: 'AdminPrivilegeMissing',
  message: (_, { errno }) =>
    `the admin account lacks a privilege (error ${errno}): it needs CREATE USER and PROCESS, SELECT on mysql.*, the right to ` +
    'end connections, everything on webpool_ledger.*, and what it grants WITH GRANT OPTION on the schemas of the grants',
};
const readOnly: Guide = {
  reason: 'ReadOnlyServer',
  message: ({ host }) =>
    `${host} is read-only (a replica, or set so by hand): name the server that takes writes in spec.server.host`,
};

/** By the server's error number. */
const BY_NUMBER: Readonly<Record<number, Guide>> = {
  1040: limits,
  1203: limits,
  1226: limits,
  1044: missingRight,
  1142: missingRight,
  1143: missingRight,
  1227: missingRight,
  1370: missingRight,
  1836: readOnly,
  1045: {
    reason: 'AdminAuthenticationFailed',
    message: ({ host }, { message }) =>
      `${host} refuses the login of the admin account${seenAs(message)}: wrong password, no account for this source ` +
      'address, or the account requires TLS',
  },
  1698: {
    reason: 'AdminAuthenticationFailed',
    message: ({ host }, { message }) =>
      `${host} refuses the login of the admin account${seenAs(message)}: it does not log in by password`,
  },
  1130: {
    reason: 'AdminAuthenticationFailed',
    message: ({ host }, { message }) =>
      `${host} knows no account for the address from which it sees us${seenAs(message)}: create the admin account for that host`,
  },
  1129: {
    reason: 'ServerUnreachable',
    message: ({ host }) =>
      `${host} has blocked this host after too many broken connections: run FLUSH HOSTS there, and stop health checks that only open a TCP connection`,
  },
  1251: {
    reason: 'AdminAuthenticationFailed',
    message: ({ host }) =>
      `${host} wants an authentication protocol that we do not speak: give the admin account another plugin`,
  },
  1524: {
    reason: 'AdminAuthenticationFailed',
    message: ({ host }) => `${host} does not have the authentication plugin of the admin account loaded`,
  },
  3118: lockedAdmin(),
  4151: lockedAdmin(),
};

function lockedAdmin(): Guide {
  return { reason: 'AdminAuthenticationFailed', message: ({ host }) => `the admin account is locked on ${host}` };
}

/** The address as the server sees it is often not the one that we think we have. */
function seenAs(message: string): string {
  const host = /Host '([^']+)'/.exec(message)?.[1] ?? /'[^']*'@'([^']+)'/.exec(message)?.[1];
  return host === undefined ? '' : ` (it sees us as ${host})`;
}

/** What an error means for the server as a whole and what to do about it. */
export function serverProblem(error: ServerError, place: ServerPlace): ServerProblem {
  const guide = guideOf(error);
  if (guide) return { reason: guide.reason, message: guide.message(place, error) };
  return {
    reason: 'SQLError',
    message: `${place.host} answered with error ${error.errno ?? error.code} (${error.code})`,
  };
}

function guideOf(error: ServerError): Guide | undefined {
  if (isReadOnly(error)) return readOnly;
  return (error.errno === undefined ? undefined : BY_NUMBER[error.errno]) ?? BY_CODE[error.code];
}

/** 1290 names the option that stands in the way; only some of them make the server read-only. */
function isReadOnly({ errno, message }: ServerError): boolean {
  return errno === 1836 || (errno === 1290 && /read[-_]only/i.test(message));
}

/** Errors of a statement after which it makes no sense to go on with other accounts. */
export function endsRound(error: ServerError): boolean {
  const { errno } = error;
  if (errno === undefined || errno < 1000 || isReadOnly(error)) return true;
  // Some numbers mean our login when it is refused, and one account when a statement is.
  return FAILURES[errno] === undefined && guideOf(error) !== undefined;
}

/** Why a change of one account failed. */
export interface AccountFailure {
  readonly reason: 'PasswordRejected' | 'SQLError' | 'AccountExists' | 'UnsupportedAuthPlugin';
  readonly message: string;
}

const FAILURES: Readonly<Record<number, AccountFailure>> = {
  1146: {
    reason: 'SQLError',
    message: 'a table named in spec.grants does not exist (error 1146): create it, or grant on the schema',
  },
  1054: { reason: 'SQLError', message: 'a column named in spec.grants does not exist (error 1054)' },
  1049: { reason: 'SQLError', message: 'a schema named in spec.grants does not exist (error 1049)' },
  1290: {
    reason: 'PasswordRejected',
    message: 'the server takes no password hashes (error 1290): switch strict_password_validation off',
  },
  1372: { reason: 'PasswordRejected', message: 'the server does not accept the password hash (error 1372)' },
  1819: { reason: 'PasswordRejected', message: 'the password does not satisfy the policy of the server (error 1819)' },
  1396: {
    reason: 'AccountExists',
    message: 'the account was made or dropped by somebody else at the same time (error 1396)',
  },
  1524: {
    reason: 'UnsupportedAuthPlugin',
    message: 'the server has the plugin of spec.authPlugin not loaded (error 1524)',
  },
};

/** What an error means for the account whose change it ended. */
export function accountFailure(error: ServerError): AccountFailure {
  const known = error.errno === undefined ? undefined : FAILURES[error.errno];
  return known ?? { reason: 'SQLError', message: `error ${error.errno ?? error.code} (${error.code})` };
}
