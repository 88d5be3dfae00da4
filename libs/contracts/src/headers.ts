// The envelope: CloudEvents 1.0.2 attributes in NATS headers (NATS protocol binding, binary mode), plus ours.

/** NATS header names. */
export const HEADERS = {
  /** CloudEvents `id`; also the nonce by which a writer knows its own fact again. Fresh for every write. */
  id: 'ce-id',
  /** CloudEvents `source`: `/flow-mcp/<service>`. */
  source: 'ce-source',
  /** CloudEvents `type`: a contract's `type`, which carries the version. */
  type: 'ce-type',
  /** CloudEvents `time`, RFC 3339, the writer's clock: information only, the broker's time counts. */
  time: 'ce-time',
  /** CloudEvents `specversion`. */
  specVersion: 'ce-specversion',
  /** W3C Trace Context. */
  traceparent: 'traceparent',
  /** The requester's pass (design section 5), a compact JWS. Never stored in ClickHouse. */
  pass: 'Flow-Mcp-Pass',
  /** HMAC-SHA256, base64url, keyed with the pass's secret, over subject, `\n` and the payload bytes. */
  hmac: 'Flow-Mcp-Hmac',
} as const;

/** Version of CloudEvents in use. */
export const CLOUDEVENTS_VERSION = '1.0';
