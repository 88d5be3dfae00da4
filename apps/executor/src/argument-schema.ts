// Checks tool arguments against the server's own JSON Schema before anything is sent.
//
//   S1. Patterns run on a linear-time engine; schemas and arguments are bounded in size and depth.
//   S2. A schema that takes longer than a quarter of a second, once, is not used again: it cannot stall us twice.
//   S3. Messages name the place and the rule, never the value.

import vm from 'node:vm';
import { RefusedError, type JsonObject } from '@flow-mcp/kernel';
import { Ajv, type ErrorObject, type Options } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';

const SCHEMA_BYTES_MAX = 256 * 1024;
const VALIDATION_MS_MAX = 250;
const COMPILED_MAX = 2_000;

interface Validate {
  (value: unknown): boolean;
  errors?: ErrorObject[] | null;
}

/** Compiled schemas by the hash of their tool's definition. */
export class ArgumentSchemas {
  readonly #compiled = new Map<string, Validate | RefusedError>();

  /**
   * @param sha256 of the tool's definition: the key under which the compiled schema is kept
   * @throws RefusedError `ERR_ARGUMENTS_INVALID` naming the argument, or `ERR_TOOL_SCHEMA_UNUSABLE`
   */
  check(sha256: string, schema: JsonObject, args: JsonObject): void {
    const validate = this.#validator(sha256, schema);
    if (validate instanceof RefusedError) throw validate;
    let valid: boolean;
    try {
      valid = within(VALIDATION_MS_MAX, () => validate(args));
    } catch (cause) {
      const unusable = unusableSchema('it takes too long to check', cause);
      this.#compiled.set(sha256, unusable);
      throw unusable;
    }
    if (!valid) throw invalidArguments(validate.errors?.[0]);
  }

  #validator(sha256: string, schema: JsonObject): Validate | RefusedError {
    let known = this.#compiled.get(sha256);
    if (known === undefined) {
      if (this.#compiled.size >= COMPILED_MAX) this.#compiled.clear();
      known = compile(schema);
      this.#compiled.set(sha256, known);
    }
    return known;
  }
}

const linearTime = Object.assign((pattern: string) => RE2JS.compile(pattern), { code: 're2js' });
const OPTIONS: Options = {
  strict: false,
  allErrors: false,
  // `format` is an annotation by default (JSON Schema 2020-12 §7.2.1); its checks would be regular expressions.
  validateFormats: false,
  addUsedSchema: false,
  logger: false,
  code: { regExp: linearTime },
};

function compile(schema: JsonObject): Validate | RefusedError {
  if (JSON.stringify(schema).length > SCHEMA_BYTES_MAX) return unusableSchema('it is larger than 256 KiB');
  const { $schema } = schema;
  const draft7 = typeof $schema === 'string' && $schema.includes('draft-07');
  try {
    const ajv = draft7 ? new Ajv(OPTIONS) : new Ajv2020(OPTIONS);
    const { $schema: _dialect, $id: _id, ...rules } = schema;
    return within(VALIDATION_MS_MAX * 4, () => ajv.compile(rules));
  } catch (cause) {
    return unusableSchema('it cannot be compiled', cause);
  }
}

const context = vm.createContext(Object.create(null) as object);
const script = new vm.Script('task()');

/** Runs synchronous work that V8 ends after `ms`. @throws when it takes longer or overflows the stack. */
function within<T>(ms: number, task: () => T): T {
  (context as { task?: () => T }).task = task;
  return script.runInContext(context, { timeout: ms }) as T;
}

function unusableSchema(why: string, cause?: unknown): RefusedError {
  const message = `The server's input schema of this tool cannot be used: ${why}. Ask the server's owner to simplify it.`;
  return new RefusedError('ERR_TOOL_SCHEMA_UNUSABLE', message, { cause });
}

function invalidArguments(error: ErrorObject | undefined): RefusedError {
  const { missingProperty, additionalProperty } = (error?.params ?? {}) as Partial<Record<string, string>>;
  const field = [
    'arguments',
    ...placeOf(error),
    ...(missingProperty === undefined ? [] : [missingProperty.slice(0, 64)]),
  ].join('.');
  const allowed = error?.message?.slice(0, 300) ?? 'is not valid';
  const extra = additionalProperty === undefined ? allowed : `must not hold \`${additionalProperty.slice(0, 64)}\``;
  return new RefusedError(
    'ERR_ARGUMENTS_INVALID',
    `\`${field}\` ${missingProperty === undefined ? extra : 'is required'}.`,
    { field },
  );
}

function placeOf(error: ErrorObject | undefined): string[] {
  return (error?.instancePath ?? '').slice(0, 200).split('/').slice(1, 8);
}
