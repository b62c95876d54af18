/** The tables of the documentation that say what the code says. */
import type { AnySchemaObject } from 'ajv';
import { OPERATOR_CONFIG_SCHEMA } from '../operator/api/operator-config.ts';
import { REASONS } from '../operator/status/reasons.ts';
import { CLUSTER_METRICS } from '../operator/telemetry/cluster-metrics.ts';
import { METRICS } from '../operator/telemetry/metrics.ts';

/** Name of a table in the text → the table, in Markdown. */
export const TABLES: Readonly<Record<string, () => string>> = {
  metrics: metricsTable,
  reasons: reasonsTable,
  settings: settingsTable,
};

/** Which kinds have a condition. */
const KINDS: Readonly<Record<keyof typeof REASONS, string>> = {
  Ready: 'all',
  Accepted: 'all',
  ResolvedRefs: 'all',
  Programmed: 'WebPool, RoutingRule',
  Synced: 'DatabaseGrant',
  Available: 'WebPool',
  BackendsAvailable: 'RoutingRule; not in Ready',
  PartiallyInvalid: 'RoutingRule; WebPool, there not in Ready',
  CertificateMismatch: 'RoutingRule; not in Ready, only when True',
  LegacyTLS: 'WebPool; not in Ready, only when True',
  Reconciling: 'all; only when True',
  Stalled: 'all; only when True',
};

function reasonsTable(): string {
  const rows = Object.entries(REASONS).flatMap(([type, reasons]) =>
    Object.entries(reasons).map(([reason, meaning], index) => {
      const condition = index === 0 ? `\`${type}\` (${KINDS[type as keyof typeof REASONS]})` : '';
      return [condition, `\`${reason}\``, meaning];
    }),
  );
  return table(['Condition', 'Reason', 'Means'], rows);
}

function metricsTable(): string {
  const rows = Object.entries({ ...METRICS, ...CLUSTER_METRICS }).map(([name, meaning]) => [`\`${name}\``, meaning]);
  return table(['Metric', 'Says'], rows);
}

function settingsTable(): string {
  return table(['Field', 'Means'], fieldsOf(OPERATOR_CONFIG_SCHEMA, ''));
}

function fieldsOf(schema: AnySchemaObject, prefix: string): readonly (readonly string[])[] {
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, AnySchemaObject>>;
  return Object.entries(properties)
    .filter(([name]) => name !== 'apiVersion' && name !== 'kind')
    .flatMap(([name, field]) => {
      const { enum: words, description = '' } = field as { enum?: readonly string[]; description?: string };
      const choice = words === undefined ? '' : `${words.map((word) => `\`${word}\``).join(', ')}. `;
      const own = description === '' ? [] : [[`\`${prefix}${name}\``, `${choice}${description}`]];
      const { items } = field as { items?: AnySchemaObject };
      return [...own, ...fieldsOf(field, `${prefix}${name}.`), ...fieldsOf(items ?? {}, `${prefix}${name}[].`)];
    });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n');
}

/** `text` with every table in it as the code has it now. */
export function withTables(text: string): string {
  return text.replaceAll(
    /(<!-- (\w+): written by npm run generate -->\n)[\s\S]*?(<!-- end -->)/g,
    (whole, ...parts) => {
      const [start, name, end] = parts as [string, string, string];
      const make = TABLES[name];
      return make === undefined ? whole : `${start}\n${make()}\n\n${end}`;
    },
  );
}
