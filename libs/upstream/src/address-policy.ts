// Which addresses we connect to. Names say nothing; every check is on the address that the connection will use.
//
//   A1. Without configuration: public unicast only. IPv4 by its IANA range; IPv6 within 2000::/3 as well, because
//       `::127.0.0.1` and its like count as unicast outside of it.
//   A2. Private ranges (RFC 1918, RFC 4193, RFC 6598) only where the allow-list names the address or the host and port.
//   A3. Loopback only where it is allowed as such.
//   A4. Link-local (cloud metadata), multicast, reserved, mapped, translated and tunnelled addresses never.

import ipaddr from 'ipaddr.js';

/** What may be reached besides public addresses. */
export interface AddressPolicyOptions {
  /** 127.0.0.0/8 and ::1, for development. */
  readonly allowLoopback?: boolean;
  /** Private addresses that may be reached: `10.1.0.0/16`, `fd00:1::/32`, `10.1.2.3`, or a name and port `jira.internal:443`. */
  readonly allow?: readonly string[];
}

/** Where somebody wants to connect to: the resolved address, and the name and port it was asked by. */
interface Destination {
  readonly address: string;
  readonly host: string;
  readonly port: number;
}

/** Whether a destination may be connected to. */
export type AddressPolicy = (destination: Destination) => boolean;

const PRIVATE: readonly string[] = ['private', 'carrierGradeNat', 'uniqueLocal'];
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** @throws Error if an entry of `allow` is neither an address, a CIDR range nor `host:port`. */
export function addressPolicy(options: AddressPolicyOptions = {}): AddressPolicy {
  const allow = (options.allow ?? []).map(allowRule);
  return (destination) => {
    if (!ipaddr.isValid(destination.address)) return false;
    const address = ipaddr.process(destination.address);
    if (isPublic(address)) return true;
    if (address.range() === 'loopback') return options.allowLoopback === true;
    return PRIVATE.includes(address.range()) && allow.some((rule) => rule(address, destination));
  };
}

/** `host:port` as rules and overrides write it: lower case, no trailing dot, IPv6 in brackets. */
export function hostPort(host: string, port: number): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  return name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type AllowRule = (address: Address, destination: Destination) => boolean;

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST);
}

function allowRule(entry: string): AllowRule {
  if (ipaddr.isValidCIDR(entry)) return withinRange(ipaddr.parseCIDR(entry));
  if (ipaddr.isValid(entry)) return (address) => address.toString() === ipaddr.process(entry).toString();
  const [, host, port] = /^([a-z0-9.-]+):(\d{1,5})$/i.exec(entry) ?? [];
  if (host === undefined || port === undefined)
    throw new Error(
      `Write an allowed address as 10.1.0.0/16, 10.1.2.3 or jira.internal:443, not ${JSON.stringify(entry)}.`,
    );
  const name = hostPort(host, Number(port));
  return (_address, destination) => hostPort(destination.host, destination.port) === name;
}

function withinRange(range: [Address, number]): AllowRule {
  return (address) => address.kind() === range[0].kind() && address.match(range);
}
