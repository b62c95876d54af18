import { expect, test } from 'vitest';
import { nameProblems } from '../../operator/api/name-rules.ts';

test.each(['a', 'blog', 'blog-2', 'a'.repeat(63)])('a pool may be called %s', (name) => {
  expect(nameProblems('WebPool', { name })).toEqual([]);
});

test.each(['2blog', 'blog.example', 'blog-', 'a'.repeat(64)])('a pool may not be called %s', (name) => {
  expect(nameProblems('WebPool', { name })).toMatchObject([{ path: 'metadata.name', reason: 'InvalidSpec' }]);
  expect(nameProblems('RoutingRule', { name })).toEqual([]);
});
