// Configuration: one zod object per app, read once from the environment, all mistakes reported together.
//
//   C1. The variable of a field is FLOWMCP_ and the field in upper snake case; nothing else is read.
//   C2. An unknown FLOWMCP_ variable is an error: a misspelt setting must not silently keep its default.
//   C3. Secrets come as file paths, so a configuration can be logged; credentials inside URLs are masked.

import { readFileSync } from 'node:fs';
import { RefusedError } from '@flow-mcp/kernel';
import { z } from 'zod';
import { nearest } from './nearest.js';

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** An app's configuration: every field documented by `.meta({ description, unit? })`. */
export type ConfigSchema<C = Record<string, unknown>> = z.ZodObject & z.ZodType<C>;

/** What one field's documentation says. */
export interface FieldDoc {
  readonly variable: string;
  /** As one would write it in the environment; `undefined`: the variable must be set. */
  readonly default: string | undefined;
  readonly unit: string;
  readonly description: string;
}

/** Defines an app's configuration. @throws RefusedError `ERR_CONFIG_INVALID` when a field has no description. */
export function defineConfig<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape> {
  const schema = z.object(shape);
  for (const [field, value] of fieldsOf(schema)) {
    if (descriptionOf(value) === '') {
      throw new RefusedError(
        'ERR_CONFIG_INVALID',
        `Describe the configuration field ${field}: .meta({ description }).`,
      );
    }
  }
  return schema;
}

/**
 * Reads a configuration from the environment; pure.
 * @throws RefusedError `ERR_CONFIG_INVALID`, one line for each mistake, each naming its variable.
 */
export function loadConfig<C>(schema: ConfigSchema<C>, env: Environment): C {
  const parsed = schema.safeParse(valuesOf(schema, env));
  const problems = [...unknownVariables(schema, env), ...(parsed.success ? [] : invalidVariables(parsed.error, env))];
  if (parsed.success && problems.length === 0) return parsed.data;
  throw new RefusedError(
    'ERR_CONFIG_INVALID',
    `Correct the configuration:\n${problems.map(({ text }) => text).join('\n')}`,
    {
      field: problems[0]?.variable ?? '',
    },
  );
}

/** A configuration as it may be logged (C3). */
export function redactConfig(config: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([field, value]: [string, unknown]) => [
      field,
      typeof value === 'string' ? maskCredentials(value) : value,
    ]),
  );
}

/** What each field means, in the order of the schema. */
export function describeConfig(schema: z.ZodObject): FieldDoc[] {
  return fieldsOf(schema).map(([field, value]) => ({
    variable: variableOf(field),
    default: defaultOf(value),
    unit: metaOf(value, 'unit'),
    description: descriptionOf(value),
  }));
}

/** The fields as a Markdown table, for the app's README. */
export function configTable(schema: z.ZodObject): string {
  const rows = describeConfig(schema).map(({ variable, default: standard, unit, description }) => {
    const shown = standard === undefined ? '*required*' : standard === '' ? '–' : `\`${standard}\``;
    return `| \`${variable}\` | ${shown} | ${unit} | ${description.replaceAll('|', '\\|')} |`;
  });
  return ['| variable | default | unit | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}

/** A whole number within bounds. */
export function integer(min: number, max: number): z.ZodPipe<z.ZodString, z.ZodTransform<number, string>> {
  return z.string().transform((text, context) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    context.addIssue({ code: 'custom', message: `must be a whole number from ${min} to ${max}` });
    return z.NEVER;
  });
}

/** `true` or `false`. */
export function flag(): z.ZodPipe<z.ZodEnum<{ true: 'true'; false: 'false' }>, z.ZodTransform<boolean, string>> {
  return z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');
}

/** Words separated by commas. */
export function commaList(): z.ZodPipe<z.ZodString, z.ZodTransform<readonly string[], string>> {
  return z.string().transform((text) =>
    text
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== ''),
  );
}

/**
 * The content of a secret's file, without the line end that editors add.
 * @throws RefusedError `ERR_CONFIG_INVALID` naming the file, when it cannot be read, is empty or over 64 KiB.
 */
export function readSecretFile(path: string): string {
  const text = readText(path).trim();
  if (text.length === 0 || text.length > 65_536) {
    throw new RefusedError('ERR_CONFIG_INVALID', `Put one secret of at most 64 KiB into ${path}.`, { field: path });
  }
  return text;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new RefusedError('ERR_CONFIG_INVALID', `Make ${path} a file that this service may read.`, {
      cause,
      field: path,
    });
  }
}

interface Problem {
  readonly variable: string;
  readonly text: string;
}

function fieldsOf(schema: z.ZodObject): [string, z.ZodType][] {
  return Object.entries(schema.shape) as [string, z.ZodType][];
}

function variableOf(field: string): string {
  return `FLOWMCP_${field.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** An empty variable counts as not set: compose files and charts pass those along. */
function valuesOf(schema: z.ZodObject, env: Environment): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [field] of fieldsOf(schema)) {
    const value = env[variableOf(field)];
    if (value !== undefined && value !== '') values[field] = value;
  }
  return values;
}

function unknownVariables(schema: z.ZodObject, env: Environment): Problem[] {
  const known = fieldsOf(schema).map(([field]) => variableOf(field));
  return Object.keys(env)
    .filter((variable) => variable.startsWith('FLOWMCP_') && !known.includes(variable))
    .map((variable) => {
      const meant = nearest(variable, known);
      const hint = meant === undefined ? 'remove it' : `did you mean ${meant}?`;
      return { variable, text: `${variable} is not a setting of this service; ${hint}` };
    });
}

function invalidVariables(error: z.ZodError, env: Environment): Problem[] {
  return error.issues.map((issue) => {
    const variable = variableOf(String(issue.path[0]));
    const missing = (env[variable] ?? '') === '';
    return { variable, text: `${variable} ${missing ? 'must be set' : lowerFirst(issue.message)}` };
  });
}

function defaultOf(field: z.ZodType): string | undefined {
  if (!field.safeParse(undefined).success) return undefined;
  const standard: unknown =
    field instanceof z.ZodPrefault || field instanceof z.ZodDefault ? field.def.defaultValue : '';
  return String(standard);
}

function metaOf(field: z.ZodType, key: string): string {
  const value = field.meta()?.[key];
  return typeof value === 'string' ? value : '';
}

function descriptionOf(field: z.ZodType): string {
  return metaOf(field, 'description');
}

function maskCredentials(text: string): string {
  return text.replaceAll(/\/\/[^@/,\s]*@/g, '//***@');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
