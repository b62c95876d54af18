import Table from 'cli-table3';
import type { Condition } from '../api/kinds.gen.ts';
import type { AnyStatus } from '../status/document.ts';
import type { GrantRow, PoolRow, RuleRow } from '../status/instance.ts';
import type { ServerRow } from '../status/server-rows.ts';
import { oneLine } from '../status/text.ts';
import { adviceOn } from './status-advice.ts';
import type { Picture } from './status-picture.ts';

/** More rows than this are only told when something is wrong with them. */
const MAX_ROWS = 200;

/** A picture as tables, each followed by what is not well in it. */
export function renderPicture(picture: Picture, wide: boolean): string {
  const local = [...picture.pools, ...picture.rules, ...picture.grants].every(
    ({ namespace }) => namespace === 'default',
  );
  const style: Style = { wide, named: (key) => (local ? key.replace(/^default\//, '') : key) };
  const parts = [
    heading(picture),
    objects('RULES', ['LISTENER', 'HOSTS', 'POOLS'], { rows: picture.rules, cells: ruleCells(style), style }),
    objects('POOLS', ['ENDPOINTS', 'PROTOCOL'], { rows: picture.pools, cells: poolCells, style }),
    servers(picture.servers, style),
    objects('GRANTS', ['ACCOUNT', 'ACCOUNTS', 'SERVER'], { rows: picture.grants, cells: grantCells, style }),
    accounts(picture.grants, style),
    list('ERRORS', picture.errors),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

interface Style {
  readonly wide: boolean;
  /** A key as it is shown: without the namespace where there is only the default one. */
  readonly named: (key: string) => string;
}

type ObjectRow = PoolRow | RuleRow | GrantRow;

interface Objects<Row extends ObjectRow> {
  readonly rows: readonly Row[];
  readonly cells: (row: Row) => readonly string[];
  readonly style: Style;
}

function heading({ instance, proxy, databases, lastKnown }: Picture): string {
  if (lastKnown || instance === undefined) return 'webpool: last known state, nobody runs it now';
  const folder = instance.folder === undefined ? '' : ` of ${instance.folder}`;
  const lines = [`webpool ${instance.version}${folder}, pid ${instance.pid}, since ${instance.startedAt}`];
  const problem = proxy?.problem;
  const state = proxy?.programmed === true ? 'programmed' : 'not programmed yet';
  lines.push(`HAProxy: ${problem === undefined ? state : `${problem.reason}: ${problem.message}`}`);
  for (const { server, flavor, version, problem } of databases) {
    const seen = [flavor ?? 'unknown', version ?? ''].join(' ').trim();
    lines.push(`Database ${server}: ${problem === undefined ? seen : `${problem.reason}: ${problem.message}`}`);
  }
  return lines.map((line) => oneLine(line)).join('\n');
}

function objects<Row extends ObjectRow>(
  title: string,
  head: readonly string[],
  { rows, cells, style }: Objects<Row>,
): string {
  if (rows.length === 0) return '';
  const shown =
    style.wide || rows.length <= MAX_ROWS ? rows : rows.filter(({ status }) => troublesOf(status).length > 0);
  const extra = style.wide ? ['SINCE', 'GENERATION'] : [];
  const lines = shown.map((row) => {
    const ready = conditionOf(row.status, 'Ready');
    const wide = style.wide ? [ready?.lastTransitionTime ?? '-', `${row.generation}`] : [];
    return [style.named(keyOf(row)), ready?.status ?? 'Unknown', ...cells(row), ready?.reason ?? '-', ...wide];
  });
  return [
    title,
    table(['NAME', 'READY', ...head, 'REASON', ...extra], lines),
    hidden(rows.length - shown.length),
    ...shown.flatMap((row) => troubles(style.named(keyOf(row)), row.status)),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function ruleCells({ named }: Style): (row: RuleRow) => readonly string[] {
  return ({ listener, hosts, pools, status }) => [
    listener ?? '-',
    hosts?.join(',') ?? '-',
    pools?.map(named).join(',') || (status.backends ?? '-'),
  ];
}

function poolCells({ protocol, status }: PoolRow): readonly string[] {
  return [status.endpoints?.summary ?? '-', protocol ?? '-'];
}

function grantCells({ account, server, status }: GrantRow): readonly string[] {
  return [account ?? '-', status.accounts?.summary ?? '-', server ?? '-'];
}

function servers(rows: readonly ServerRow[], { wide, named }: Style): string {
  if (rows.length === 0) return '';
  const shown = wide || rows.length <= MAX_ROWS ? rows : rows.filter(({ standing }) => standing !== 'Ready');
  const head = [
    'POOL',
    'SERVER',
    'ADDRESS',
    'WEIGHT',
    'STATE',
    'HEALTH',
    'ACCOUNT',
    ...(wide ? ['GRANTS'] : []),
    'WHY',
  ];
  const lines = shown.map(({ pool, id, address, weight, state, health, account, grants, why }) => {
    const server = id.endsWith(`_${address}`) ? id.slice(0, -address.length - 1) : id;
    const extra = wide ? [grants.map(named).join(',') || '-'] : [];
    return [named(pool), server, address, `${weight}`, state, health, account ?? '-', ...extra, why ?? '-'];
  });
  return ['SERVERS', table(head, lines), hidden(rows.length - shown.length)].filter((line) => line !== '').join('\n');
}

/** Accounts by host: all of them where it was asked for, else those that are not ready. */
function accounts(grants: readonly GrantRow[], { wide, named }: Style): string {
  const lines = grants.flatMap((row) =>
    (row.status.hosts ?? [])
      .filter(({ state }) => wide || grants.length === 1 || state !== 'Ready')
      .map(({ host, state, message }) => [named(keyOf(row)), host, state, message ?? '-']),
  );
  return lines.length === 0 ? '' : `ACCOUNTS\n${table(['GRANT', 'HOST', 'STATE', 'WHY'], lines)}`;
}

function list(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}\n${lines.map((line) => oneLine(line)).join('\n')}`;
}

function hidden(number: number): string {
  return number === 0 ? '' : `  and ${number} more that are well: -o wide shows all`;
}

function troubles(name: string, status: AnyStatus): string[] {
  return troublesOf(status).flatMap(({ type, reason, message }) => {
    const advice = adviceOn(reason);
    const text = `  ! ${name}: ${type}: ${reason}: ${oneLine(message)}`;
    return advice === undefined ? [text] : [text, `    ${advice}`];
  });
}

/** What is to be told of an object though it is Ready. */
const NOTES: readonly string[] = ['CertificateMismatch', 'LegacyTLS'];

/** Conditions that say what is wrong; Ready and Stalled only repeat them, Reconciling says that it is worked on. */
function troublesOf({ conditions = [] }: AnyStatus): readonly Condition[] {
  const own = conditions.filter(({ type }) => !['Ready', 'Reconciling', 'Stalled', ...NOTES].includes(type));
  const bad = own.filter(({ type, status, reason }) =>
    type === 'PartiallyInvalid' ? status === 'True' : status !== 'True' && reason !== 'Invalid',
  );
  const certain = bad.filter(({ status }) => status !== 'Unknown');
  const notes = conditions.filter(({ type, status }) => NOTES.includes(type) && status === 'True');
  return [...(certain.length > 0 ? certain : bad.slice(0, 1)), ...notes];
}

function conditionOf({ conditions }: AnyStatus, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

function keyOf({ namespace, name }: ObjectRow): string {
  return `${namespace}/${name}`;
}

const NO_LINES = Object.fromEntries(
  ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
    .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
    .map((part) => [part, '']),
);

/** Columns as kubectl sets them: no lines, two blanks between. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const style = { 'padding-left': 0, 'padding-right': 3, head: [], border: [], compact: true };
  const table = new Table({ head: [...head], chars: NO_LINES, style });
  table.push(...rows.map((row) => row.map((cell) => oneLine(cell))));
  return table.toString().replace(/ +$/gm, '');
}
