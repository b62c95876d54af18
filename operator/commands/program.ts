/** The words of the command line and their help. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { PORT_RANGE_FORM, portRange } from '../api/port-range.ts';
import { canonicalAddress } from '../api/address.ts';
import { parseDuration } from '../api/duration.ts';
import type { AccessLog } from '../haproxy/access-log.ts';
import type { Peers } from '../haproxy/peers.ts';
import { createLogger, type Logger } from '../telemetry/log.ts';
import { AGENT_PORT } from '../api/agent-port.ts';
import { isSelector } from './status-select.ts';
import { printable } from '../status/text.ts';
import { UsageError } from './usage-error.ts';
import { version } from './version.ts';
import { wordsOf } from './words.ts';

/** Each command is read when it is asked for: an agent has no use for the drivers of databases, nor for the memory that they take. */
const COMMANDS = {
  agent: async () => (await import('./agent.ts')).agent,
  check: async () => (await import('./check.ts')).check,
  explain: async () => (await import('./explain.ts')).explainCommand,
  operator: async () => (await import('./operator.ts')).operator,
  render: async () => (await import('./render.ts')).render,
  run: async () => (await import('./run.ts')).run,
  status: async () => (await import('./status.ts')).status,
};

const USAGE = 2;
const FAILED = 1;

const EXAMPLES = `
Examples:
  $ webpool check examples/minimal            is everything in this folder right?
  $ webpool render examples/minimal           what would HAProxy and MySQL get?
  $ webpool explain examples/minimal http://localhost:8080/   where does this request go, and why?
  $ webpool explain https://www.example.com/   the same of the cluster that kubectl speaks to
  $ webpool run examples/minimal              do it, and follow every change of the folder
  $ webpool status examples/minimal           what is so, and why is it not well?

A folder holds WebPool, RoutingRule, DatabaseGrant, Secret and EndpointSlice documents as kubectl takes them.
`;

/** Runs the command line `args` and returns the exit code: 0 good, 1 not everything is well, 2 called wrongly. */
export async function program(args: readonly string[]): Promise<number> {
  const signal = firstSignal();
  let code = 0;
  const set = (result: number) => (code = result);
  const command = new Command('webpool')
    .description(
      'One load balancer for old VMs and new Pods: HAProxy routing and per-server MySQL accounts from three kinds.',
    )
    .version(await version())
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .showHelpAfterError('(webpool --help says more)');
  addRun(command, signal, set);
  addCheck(command, set);
  addRender(command, set);
  addExplain(command, set);
  addStatus(command, set);
  addAgent(command, signal, set);
  addOperator(command, signal, set);
  try {
    await command.parseAsync([...args], { from: 'user' });
  } catch (error) {
    return failure(error);
  }
  return code;
}

function failure(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  const words = error instanceof Error ? error.message : String(error);
  process.stderr.write(`webpool: ${printable(words)}\n`);
  return error instanceof UsageError ? USAGE : FAILED;
}

/** The first SIGINT or SIGTERM ends in good order, the second at once. So does SIGHUP when it means that our terminal is closed. */
function firstSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', ...(process.stdout.isTTY ? (['SIGHUP'] as const) : [])] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(FAILED);
      controller.abort();
    });
  }
  return controller.signal;
}

const complain = (text: string) => void process.stderr.write(text);
const out = (text: string) => void process.stdout.write(text, failToSay);

let failed = false;

/** An answer that cannot be written is a failure, told once; that its reader went early is none. */
function failToSay(error?: NodeJS.ErrnoException | null): void {
  if (error === undefined || error === null || error.code === 'EPIPE' || failed) return;
  failed = true;
  complain(`webpool: cannot write the answer: ${wordsOf(error)}\n`);
  process.exitCode = FAILED;
}

interface RunFlags extends LogFlags {
  readonly haproxy: string;
  readonly bind: string[];
  readonly http: { readonly host: string; readonly port: number };
  readonly stateDir?: string;
  readonly once?: true;
  readonly timeout: number;
  readonly grace: number;
  readonly leaveProxy?: true;
  readonly maxConnections?: number;
  readonly tcpPorts?: readonly number[];
  readonly accessLog: AccessLog;
  readonly peer: Peers['all'];
  readonly peerName?: string;
  readonly zone?: string;
}

function addRun(command: Command, signal: AbortSignal, set: (code: number) => void): void {
  command
    .command('run')
    .description(
      'Make the folder true: start or take over HAProxy, keep MySQL accounts, follow every change, write status.',
    )
    .argument('<folder>', 'folder of YAML; status goes to its .status folder')
    .option('--haproxy <path>', 'HAProxy 2.6 or newer', 'haproxy')
    .addOption(bindOption())
    .addOption(httpOption('where status, probes and metrics are served', { host: '127.0.0.1', port: 9180 }))
    .option('--state-dir <folder>', "HAProxy's files and sockets (default: FOLDER/.status/haproxy)")
    .option('--once', 'apply, report and exit: 1 when something is not Ready; HAProxy goes on serving')
    .addOption(durationOption('--timeout', 'how long --once waits', '30s'))
    .addOption(durationOption('--grace', 'how long connections may take to end after a signal', '30s'))
    .option('--leave-proxy', 'on a signal, let HAProxy go on serving; the next run takes it over')
    .option(
      '--max-connections <number>',
      'clients at a time (default: what the descriptor limit allows, at most 10000)',
      count,
    )
    .option('--tcp-ports <first-last>', TCP_PORTS, tcpPorts)
    .addOption(accessLogOption())
    .addOption(
      listOption(
        '--peer <name=address:port>',
        'HAProxy that shares rate limits and affinity with this one; may be repeated, the same list on each host',
        { parse: peerList, words: 'none' },
      ),
    )
    .option('--peer-name <name>', 'which of the peers this one is')
    .addOption(zoneOption())
    .addOption(logLevelOption())
    .addOption(logFormatOption())
    .addHelpText(
      'after',
      `
Ctrl-C or SIGTERM lets connections end and stops HAProxy; accounts stay. A run that was killed leaves HAProxy serving,
and the next run takes it over without losing a request. SIGHUP, as a service: look at everything again.

Exit code: 0 ended when asked to, 1 with --once: something is not Ready, 2 called wrongly or not able to start.`,
    )
    .action(async (folder: string, flags: RunFlags) => {
      const log = loggerOf(flags);
      set(await runCommand(folder, flags, { log, signal }));
    });
}

interface Surroundings {
  readonly log: Logger;
  readonly signal: AbortSignal;
}

async function runCommand(folder: string, flags: RunFlags, { log, signal }: Surroundings): Promise<number> {
  const { once = false, leaveProxy = false, peer, peerName, ...rest } = flags;
  const peers = peersOf(peer, peerName);
  const [run, status] = await Promise.all([COMMANDS.run(), COMMANDS.status()]);
  const onAsked = (again: () => void) => void (process.stdout.isTTY || process.on('SIGHUP', again));
  const onSettled = async (url: string) => void (await status({ url, output: 'table', out, complain }));
  return run({ ...rest, ...(peers && { peers }), once, leaveProxy, folder, log, signal, onSettled, onAsked });
}

interface AgentFlags extends LogFlags {
  readonly stateDir: string;
  readonly kubeconfig?: string;
  readonly watchNamespace: string[];
  readonly haproxy: string;
  readonly bind: string[];
  readonly http: { readonly host: string; readonly port: number };
  readonly grace: number;
  readonly maxConnections?: number;
  readonly tcpPorts?: readonly number[];
  readonly accessLog: AccessLog;
}

function addAgent(command: Command, signal: AbortSignal, set: (code: number) => void): void {
  command
    .command('agent')
    .description('In a proxy Pod: keep the HAProxy beside it as the cluster says, and report what was read back.')
    .requiredOption('--state-dir <folder>', 'files and sockets that HAProxy shares with us')
    .option('--kubeconfig <path>', "default: the Pod's own identity, or what kubectl would use")
    .addOption(namespacesOption('--watch-namespace <name>'))
    .option('--haproxy <path>', 'to check a configuration before HAProxy gets it', 'haproxy')
    .addOption(bindOption())
    .addOption(httpOption('where probes and metrics are served', { host: '0.0.0.0', port: AGENT_PORT }))
    .addOption(durationOption('--grace', 'how long HAProxy may take to end after a signal', '10m'))
    .option('--max-connections <number>', 'clients at a time (default: what the descriptor limit allows)', count)
    .option('--tcp-ports <first-last>', TCP_PORTS, tcpPorts)
    .addOption(accessLogOption())
    .addOption(logLevelOption())
    .addOption(logFormatOption())
    .addHelpText(
      'after',
      '\nThe Pod is known by the environment: POD_NAMESPACE, POD_NAME, POD_UID and, if it shares with other proxies, POD_IP.',
    )
    .action(async ({ watchNamespace, ...flags }: AgentFlags) => {
      const log = loggerOf(flags);
      const pod = {
        namespace: fromEnvironment('POD_NAMESPACE'),
        name: fromEnvironment('POD_NAME'),
        uid: fromEnvironment('POD_UID'),
        ...ownAddress(process.env['POD_IP']),
      };
      const agent = await COMMANDS.agent();
      set(await agent({ ...flags, watchNamespaces: watchNamespace, pod, log, signal }));
    });
}

interface OperatorFlags extends LogFlags {
  readonly config: string;
  readonly kubeconfig?: string;
  readonly image?: string;
  readonly http: { readonly host: string; readonly port: number };
}

function addOperator(command: Command, signal: AbortSignal, set: (code: number) => void): void {
  command
    .command('operator')
    .description('In a cluster: keep proxies, Services, slices of machines, database accounts and statuses.')
    .requiredOption('--config <path>', 'settings, a document of kind OperatorConfig')
    .option('--kubeconfig <path>', "default: the Pod's own identity, or what kubectl would use")
    .option('--image <name>', "image of the proxies where the settings name none (default: the operator's own)")
    .addOption(httpOption('where probes and metrics are served', { host: '0.0.0.0', port: 8080 }))
    .addOption(logLevelOption())
    .addOption(logFormatOption())
    .addHelpText(
      'after',
      '\nThe Pod is known by the environment: POD_NAMESPACE and POD_NAME. Of several processes one leads.',
    )
    .action(async (flags: OperatorFlags) => {
      const log = loggerOf(flags);
      const where = { namespace: fromEnvironment('POD_NAMESPACE'), name: fromEnvironment('POD_NAME') };
      const operator = await COMMANDS.operator();
      set(await operator({ ...flags, ...where, log, signal }));
    });
}

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new UsageError(`${name} is not set`);
  return value;
}

function ownAddress(text = ''): { readonly address?: string } {
  const address = canonicalAddress(text);
  return address === undefined ? {} : { address };
}

interface ListForm<Item> {
  readonly parse: (value: string, list: readonly Item[]) => readonly Item[];
  /** What stands for an empty list. */
  readonly words: string;
}

function listOption<Item>(flags: string, description: string, { parse, words }: ListForm<Item>): Option {
  return new Option(flags, description).argParser(parse).default([], words);
}

function namespacesOption(flags: string): Option {
  return listOption(flags, 'namespace whose objects count; may be repeated', { parse: textList, words: 'all' });
}

function bindOption(): Option {
  return listOption('--bind <address>', 'address that listeners bind to; may be repeated', {
    parse: addressList,
    words: 'all',
  });
}

function httpOption(description: string, at: RunFlags['http']): Option {
  return new Option('--http <host:port>', description).argParser(hostPort).default(at, `${at.host}:${at.port}`);
}

function durationOption(name: string, description: string, usual: string): Option {
  return new Option(`${name} <duration>`, description).argParser(duration).default(duration(usual), usual);
}

function accessLogOption(): Option {
  return new Option('--access-log <off|full|1/N>', 'a line of JSON for every request, or for one of N')
    .argParser(accessLog)
    .default('Off', 'off');
}

interface LogFlags {
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'auto' | 'json' | 'text';
}

function logLevelOption(): Option {
  return new Option('--log-level <level>').choices(['debug', 'info', 'warn', 'error']).default('info');
}

function logFormatOption(): Option {
  return new Option('--log-format <format>').choices(['auto', 'json', 'text']).default('auto');
}

function loggerOf({ logLevel: level, logFormat: format }: LogFlags): Logger {
  return createLogger({ level, format });
}

function zoneOption(): Option {
  return new Option(
    '--zone <name>',
    'zone of this load balancer, for pools that prefer servers near it (default: unknown)',
  ).argParser(zone);
}

function textList(value: string, list: readonly string[]): readonly string[] {
  return [...list, value];
}

function addCheck(command: Command, set: (code: number) => void): void {
  command
    .command('check')
    .description('Say everything that is wrong in a folder, by file and line. Nothing is contacted.')
    .argument('<folder>')
    .addOption(new Option('-o, --output <format>').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nExit code: 0 nothing found, 1 findings, 2 the folder cannot be read.')
    .action(async (folder: string, { output }: { output: 'text' | 'json' }) => {
      const check = await COMMANDS.check();
      set(await check(folder, { output, out }));
    });
}

function addRender(command: Command, set: (code: number) => void): void {
  command
    .command('render')
    .description('Show what HAProxy and MySQL would get, and the status that would follow. Nothing is contacted.')
    .argument('<folder>')
    .option('--to <folder>', 'write files instead of printing them')
    .addOption(bindOption())
    .addOption(zoneOption())
    .action(async (folder: string, flags: { to?: string; bind: string[]; zone?: string }) => {
      const render = await COMMANDS.render();
      set(await render(folder, { ...flags, out }));
    });
}

interface ExplainFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace: string[];
  readonly request: string;
  readonly header: string[];
  readonly source?: string;
  readonly zone?: string;
  readonly output: 'text' | 'json';
}

function addExplain(command: Command, set: (code: number) => void): void {
  command
    .command('explain')
    .description('Say what would become of a request and why: listener, rule, pool, servers.')
    .usage('[options] [folder] <url>')
    .argument('<folder>', 'folder of YAML, of which nothing is contacted; without it, the cluster of kubectl is asked')
    .argument('[url]', 'for example http://www.example.com:8080/blog?page=2 or tcp://host:2525')
    .option('--kubeconfig <path>', "default: what kubectl would use, or the Pod's own identity")
    .option('--context <name>', 'of the kubeconfig (default: its current one)')
    .addOption(namespacesOption('-n, --namespace <name>'))
    .option('-X, --request <method>', 'method of the request', 'GET')
    .addOption(
      listOption('-H, --header <header>', 'header of the request, "Name: value"; may be repeated', {
        parse: textList,
        words: 'none',
      }),
    )
    .option('--source <address>', 'address that the client comes from')
    .addOption(zoneOption())
    .addOption(new Option('-o, --output <format>').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Exit code: 0 a server may get it or a rule answers it, 1 nobody does, 2 called wrongly.
Health is considered where the proxies of a cluster reported it; rate limits and sessions are not: only a running proxy knows them.`,
    )
    .action(async (...[first, second, flags]: [string, string | undefined, ExplainFlags]) => {
      const { request, header, source, zone, output, kubeconfig, context, namespace } = flags;
      const from = { ...(source !== undefined && { source }), ...(zone !== undefined && { zone }) };
      const asked = { method: request, headers: header, output, out, ...from };
      const explain = await COMMANDS.explain();
      const access = { ...(kubeconfig !== undefined && { kubeconfig }), ...(context !== undefined && { context }) };
      if (second !== undefined && (namespace.length > 0 || Object.keys(access).length > 0)) {
        throw new UsageError('a folder is no cluster: leave out either the folder or --kubeconfig, --context and -n');
      }
      set(
        await explain(
          second === undefined ? { ...access, namespaces: namespace } : { folder: first },
          second ?? first,
          asked,
        ),
      );
    });
}

function addStatus(command: Command, set: (code: number) => void): void {
  command
    .command('status')
    .description(
      'Show pools, rules, grants and servers of a running instance, with the reason for whatever is not well.',
    )
    .argument('[folder]', 'the folder that it runs (default: this one, else whoever answers at 127.0.0.1:9180)')
    .argument('[object]', 'kind/name: only this object and all that hangs together with it')
    .option('--url <url>', 'address of the instance instead of a folder')
    .addOption(new Option('-o, --output <format>').choices(['table', 'wide', 'json']).default('table'))
    .addHelpText('after', '\nExit code: 0 all is Ready, 1 something is not, 2 no instance was reached.')
    .action(async (...[first, second, flags]: [string | undefined, string | undefined, StatusFlags]) => {
      const { url, output } = flags;
      // Who says which object need not say which folder.
      const [folder, selector] = second === undefined && isSelector(first) ? [undefined, first] : [first, second];
      const status = await COMMANDS.status();
      set(await status({ ...(url === undefined ? { folder } : { url }), output, out, complain, selector }));
    });
}

interface StatusFlags {
  readonly url?: string;
  readonly output: 'table' | 'wide' | 'json';
}

function addressList(value: string, list: readonly string[]): readonly string[] {
  const address = canonicalAddress(value);
  if (address === undefined) throw new InvalidArgumentError('not an IPv4 or IPv6 address');
  return [...list, address];
}

function duration(value: string): number {
  const milliseconds = parseDuration(value);
  if (milliseconds === undefined) throw new InvalidArgumentError('not a duration such as 500ms, 30s or 5m');
  return milliseconds;
}

function count(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('not a whole number above 0');
  return number;
}

function zone(value: string): string {
  if (/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(value)) return value;
  throw new InvalidArgumentError('not a zone such as eu-central-1a');
}

function peerList(value: string, list: Peers['all']): Peers['all'] {
  const [, name = '', written = '', port = ''] =
    /^([a-z0-9][a-z0-9-]{0,62})=\[?([^\]]+?)\]?:(\d{1,5})$/.exec(value) ?? [];
  const address = canonicalAddress(written);
  if (address === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new InvalidArgumentError('not name=address:port');
  }
  return [...list, { name, address, port: Number(port) }];
}

function peersOf(all: Peers['all'], name: string | undefined): Peers | undefined {
  if (all.length === 0 && name === undefined) return undefined;
  if (name !== undefined && all.some((peer) => peer.name === name)) return { name, all };
  throw new UsageError('--peer-name has to be the name of one --peer');
}

const TCP_PORTS = 'TCP ports that are open from the start, so that a rule on one of them needs no reload';

function tcpPorts(value: string): readonly number[] {
  const ports = portRange(value);
  if (ports === undefined) throw new InvalidArgumentError(PORT_RANGE_FORM);
  return ports;
}

function accessLog(value: string): AccessLog {
  if (value === 'off') return 'Off';
  if (value === 'full') return 'Full';
  const oneOf = Number(/^1\/(\d{1,6})$/.exec(value)?.[1] ?? 0);
  if (oneOf === 0) throw new InvalidArgumentError('not off, full or a share such as 1/100');
  return { oneOf };
}

function hostPort(value: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^(?:\[?([^\]]*?)\]?:)?(\d+)$/.exec(value) ?? [];
  if (port === '' || Number(port) > 65_535) throw new InvalidArgumentError('not host:port');
  return { host: host === '' ? '127.0.0.1' : host, port: Number(port) };
}
