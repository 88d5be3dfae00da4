// A certificate authority that exists for one run, so that a real https:// URL can be served on loopback.
import { generate } from 'selfsigned';

/** All three are PEM texts; nothing is written to disk. */
export interface ThrowawayCa {
  /** The authority, for whoever shall trust it. */
  readonly caCert: string;
  /** The server's certificate and private key. */
  readonly cert: string;
  readonly key: string;
}

const ONE_DAY_MS = 24 * 60 * 60 * 1000;

/** Makes an authority, valid for a day, and one certificate by it for `host`; the authority's key is forgotten. */
export async function createThrowawayCa(host = 'plural-mcp.plural.sh'): Promise<ThrowawayCa> {
  const common = { keyType: 'ec', algorithm: 'sha256', notAfterDate: new Date(Date.now() + ONE_DAY_MS) } as const;
  const ca = await generate([{ name: 'commonName', value: 'Flow MCP throwaway CA' }], {
    ...common,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const leaf = await generate([{ name: 'commonName', value: host }], {
    ...common,
    ca: { key: ca.private, cert: ca.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: host }] },
    ],
  });
  return { caCert: ca.cert, cert: leaf.cert, key: leaf.private };
}
