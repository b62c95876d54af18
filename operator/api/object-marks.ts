/** What marks the objects that an operator makes: all of them as made by one, and a copy of a Secret or ConfigMap with where it is from. */

/** The label of whatever an operator makes, and the selector of it. */
export const MANAGED = { 'app.kubernetes.io/managed-by': 'webpool' } as const;
export const MANAGED_SELECTOR = Object.entries(MANAGED).flat().join('=');

/** The annotation that says from where a copy is: `namespace/name`. */
export const SOURCE_ANNOTATION = 'webpool.dev/source';
/** What was copied; absent for a Secret. */
export const SOURCE_KIND_ANNOTATION = 'webpool.dev/source-kind';
