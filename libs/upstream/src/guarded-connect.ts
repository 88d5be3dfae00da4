// Opens sockets for HTTP, to checked addresses only.
//
//   G1. The name is resolved here, once per connection, and the socket connects to an address of that answer: there is
//       no second lookup that could answer differently (DNS rebinding).
//   G2. Every address of the answer must pass the policy. One that does not refuses them all.
//   G3. An override replaces the DNS answer and nothing else: what it names passes the policy, too, and TLS still
//       checks the certificate against the name of the url.

import { lookup as dnsLookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import { rootCertificates } from 'node:tls';
import { buildConnector } from 'undici';
import { hostPort, type AddressPolicy } from './address-policy.js';
import { connectFailed, dnsFailed, forbiddenAddress } from './failure.js';

/** Every address of a name. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** How sockets are opened. */
export interface ConnectOptions {
  readonly policy: AddressPolicy;
  readonly lookup: Lookup;
  /** `host:port` → `ip:port`, for development. */
  readonly resolveOverrides: Readonly<Record<string, string>>;
  /** PEM certificates of authorities trusted besides the built-in ones. */
  readonly extraCa: string | undefined;
  /** Per address, TLS handshake included. */
  readonly timeoutMs: number;
}

type Target = buildConnector.Options;
type Endpoint = { readonly addresses: readonly string[]; readonly port: number };

/** The operating system's resolver: /etc/hosts, search domains and all. IPv4 first: we try one address after the other. */
export const systemLookup: Lookup = async (host) => {
  const answers = await dnsLookup(host, { all: true, verbatim: false });
  return answers.map(({ address }) => address);
};

/** A connector for undici. @throws (to the callback) UpstreamFailure, always before anything is sent. */
export function guardedConnector(options: ConnectOptions): buildConnector.connector {
  const ca = options.extraCa === undefined ? {} : { ca: [...rootCertificates, options.extraCa] };
  const connect = buildConnector({ timeout: options.timeoutMs, ...ca });
  return (target, callback) => {
    open(target, options, connect).then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    );
  };
}

async function open(target: Target, options: ConnectOptions, connect: buildConnector.connector): Promise<Socket> {
  const endpoint = await resolve(target, options);
  let failure: unknown;
  for (const address of endpoint.addresses) {
    try {
      return await connectTo({ ...target, hostname: address, port: String(endpoint.port) }, connect);
    } catch (error) {
      failure = error;
    }
  }
  throw connectFailed(failure, target.protocol === 'https:');
}

async function resolve(target: Target, options: ConnectOptions): Promise<Endpoint> {
  const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80);
  const endpoint = overridden(hostPort(target.hostname, port), options) ?? {
    addresses: isIP(target.hostname) === 0 ? await lookUp(target.hostname, options.lookup) : [target.hostname],
    port,
  };
  const permitted = endpoint.addresses.every((address) => options.policy({ address, host: target.hostname, port }));
  if (!permitted) throw forbiddenAddress();
  return endpoint;
}

async function lookUp(host: string, lookup: Lookup): Promise<readonly string[]> {
  try {
    const addresses = await lookup(host);
    if (addresses.length === 0) throw new Error('the name has no address');
    return addresses;
  } catch (cause) {
    throw dnsFailed(cause);
  }
}

function overridden(name: string, { resolveOverrides }: ConnectOptions): Endpoint | undefined {
  const target = resolveOverrides[name];
  if (target === undefined) return undefined;
  const { hostname, port } = new URL(`http://${target}`);
  return { addresses: [hostname.replace(/^\[|\]$/g, '')], port: Number(port) || 80 };
}

function connectTo(target: Target, connect: buildConnector.connector): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connect(target, (...[error, socket]) => (error === null ? resolve(socket) : reject(error)));
  });
}
