import { describe, expect, test } from 'vitest';
import { accountFailure, endsRound, serverProblem } from '../../operator/mysql/problem.ts';

const PLACE = { host: 'db01', port: 3307 };

describe('what an error means for a server, and the way out', () => {
  test.each<[string | number, string, string, string]>([
    ['ETIMEDOUT', '', 'ServerUnreachable', 'iptables -I INPUT -p tcp -s <this host> --dport 3307'],
    ['EHOSTUNREACH', '', 'ServerUnreachable', 'a firewall, a route or a security group'],
    ['ENETUNREACH', '', 'ServerUnreachable', 'a firewall'],
    ['ECONNREFUSED', '', 'ServerUnreachable', 'semanage port -a -t mysqld_port_t -p tcp 3307'],
    ['ENOTFOUND', '', 'ServerUnreachable', 'does not resolve'],
    ['EAI_AGAIN', '', 'ServerUnreachable', 'the DNS does not answer'],
    ['PROTOCOL_CONNECTION_LOST', '', 'ServerUnreachable', 'tcp_wrappers'],
    ['ECONNRESET', '', 'ServerUnreachable', 'skip_name_resolve'],
    ['PROTOCOL_SEQUENCE_TIMEOUT', '', 'ServerUnreachable', 'overloaded or a lock is held'],
    ['HANDSHAKE_NO_SSL_SUPPORT', '', 'ServerUnreachable', 'does not offer TLS'],
    [
      'HANDSHAKE_SSL_ERROR',
      "Hostname/IP does not match certificate's altnames",
      'ServerUnreachable',
      'spec.server.tls.serverName',
    ],
    [
      'HANDSHAKE_SSL_ERROR',
      'self-signed certificate in certificate chain',
      'ServerUnreachable',
      'spec.server.tls.caSecretName',
    ],
    ['HANDSHAKE_SSL_ERROR', 'unsupported protocol', 'ServerUnreachable', 'no TLS version or cipher in common'],
    [1040, '', 'ServerUnreachable', 'max_connections'],
    [1203, '', 'ServerUnreachable', 'max_connections'],
    [1226, '', 'ServerUnreachable', 'limits of our account'],
    [1044, '', 'AdminPrivilegeMissing', 'WITH GRANT OPTION'],
    [1142, '', 'AdminPrivilegeMissing', 'SELECT on mysql.*'],
    [1227, '', 'AdminPrivilegeMissing', 'CREATE USER'],
    [
      1045,
      "Access denied for user 'a'@'192.0.2.7' (using password: YES)",
      'AdminAuthenticationFailed',
      '(it sees us as 192.0.2.7)',
    ],
    [
      1130,
      "Host 'gw.example.com' is not allowed",
      'AdminAuthenticationFailed',
      '(it sees us as gw.example.com): create the admin account',
    ],
    [1129, '', 'ServerUnreachable', 'FLUSH HOSTS'],
    [1251, '', 'AdminAuthenticationFailed', 'authentication protocol'],
    [1524, '', 'AdminAuthenticationFailed', 'plugin of the admin account'],
    [1698, '', 'AdminAuthenticationFailed', 'does not log in by password'],
    [3118, '', 'AdminAuthenticationFailed', 'is locked'],
    [4151, '', 'AdminAuthenticationFailed', 'is locked'],
    [1836, '', 'ReadOnlyServer', 'takes writes'],
    [1290, 'running with the --read-only option', 'ReadOnlyServer', 'takes writes'],
    [1290, 'running with the --super-read-only option', 'ReadOnlyServer', 'takes writes'],
    [1205, 'secret words', 'SQLError', 'db01 answered with error 1205'],
  ])('%s %s', (...[code, message, reason, text]) => {
    const error = typeof code === 'number' ? { code: 'ER', errno: code, message } : { code, message };
    const problem = serverProblem(error, PLACE);
    expect(problem).toEqual({ reason, message: expect.stringContaining(text) as string });
    expect(problem.message).not.toContain('secret words');
  });
});

describe('what an error means for one account', () => {
  test.each([
    [1146, 'SQLError', 'create it, or grant on the schema'],
    [1054, 'SQLError', 'a column named'],
    [1290, 'PasswordRejected', 'strict_password_validation'],
    [1372, 'PasswordRejected', 'hash'],
    [1819, 'PasswordRejected', 'policy'],
    [1396, 'AccountExists', 'by somebody else'],
    [1524, 'UnsupportedAuthPlugin', 'not loaded'],
    [1064, 'SQLError', 'error 1064'],
  ])('%i', (errno, reason, text) => {
    expect(accountFailure({ code: 'ER', errno, message: '' })).toEqual({
      reason,
      message: expect.stringContaining(text) as string,
    });
  });

  test.each([
    ['a lost connection', { code: 'ECONNRESET', message: '' }, true],
    ['a missing right', { code: 'ER', errno: 1227, message: '' }, true],
    ['a read-only server', { code: 'ER', errno: 1290, message: '--read-only' }, true],
    ['a refused hash', { code: 'ER', errno: 1290, message: '--strict-password-validation' }, false],
    ['a missing table', { code: 'ER', errno: 1146, message: '' }, false],
    ['a plugin of an account that is not loaded', { code: 'ER', errno: 1524, message: '' }, false],
  ])('%s ends the round: %o', (_, error, expected) => {
    expect(endsRound(error)).toBe(expected);
  });
});
