import type { DatabaseGrantSpec, RoutingRuleSpec, WebPoolSpec } from './kinds.gen.ts';
import type { Kind } from './resources.ts';
import type { Problem } from './problem.ts';
import { databaseGrantProblems } from './database-grant-rules.ts';
import { routingRuleProblems } from './routing-rule-rules.ts';
import { webPoolProblems } from './web-pool-rules.ts';

interface Specs {
  readonly WebPool: WebPoolSpec;
  readonly RoutingRule: RoutingRuleSpec;
  readonly DatabaseGrant: DatabaseGrantSpec;
}

const RULES: { readonly [K in Kind]: (spec: Specs[K]) => readonly Problem[] } = {
  WebPool: webPoolProblems,
  RoutingRule: routingRuleProblems,
  DatabaseGrant: databaseGrantProblems,
};

/** What a schema cannot say: everything that the fields of one object ask of each other. `spec` has the form of its schema. */
export function ruleProblems<K extends Kind>(kind: K, spec: Specs[K]): readonly Problem[] {
  return RULES[kind](spec);
}
