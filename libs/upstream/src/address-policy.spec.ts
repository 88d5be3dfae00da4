import { addressPolicy, hostPort, type AddressPolicyOptions } from './address-policy.js';

const permits = (address: string, options?: AddressPolicyOptions, host = 'mcp.example') =>
  addressPolicy(options)({ address, host, port: 443 });

/** As it would arrive after `new URL`, which folds the many ways to write an IPv4 address. */
const hostOf = (url: string) => new URL(url).hostname.replace(/^\[|\]$/g, '');

describe('addressPolicy', () => {
  it.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '2001:4860:4860::8888', '::ffff:8.8.8.8'])(
    'A1: permits the public address %s',
    (address) => expect(permits(address)).toBe(true),
  );

  it.each([
    '127.0.0.1',
    '::1',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    'fd00::1',
    '169.254.169.254',
    'fe80::1',
    'fe80::1%eth0',
    '0.0.0.0',
    '::',
    '255.255.255.255',
    '224.0.0.1',
    'ff02::1',
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '240.0.0.1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '64:ff9b::7f00:1',
    '64:ff9b:1::7f00:1',
    '2002:7f00:1::1',
    '2001::1',
    '2001:db8::1',
    'fec0::1',
    '4000::1',
    'not an address',
    '',
  ])('A1: refuses %s unless told otherwise', (address) => expect(permits(address)).toBe(false));

  it.each([
    'http://127.1/',
    'http://0x7f000001/',
    'http://2130706433/',
    'http://017700000001/',
    'http://１２７．０．０．１/',
    'http://[::ffff:7f00:1]/',
    'http://[::ffff:169.254.169.254]/',
  ])('A1: is not fooled by the spelling %s', (url) => expect(permits(hostOf(url))).toBe(false));

  it('A2: permits private addresses within an allowed range only', () => {
    const options = { allow: ['10.1.0.0/16', 'fd00:1::/32', '192.168.7.7'] };
    expect(permits('10.1.2.3', options)).toBe(true);
    expect(permits('::ffff:10.1.2.3', options)).toBe(true);
    expect(permits('fd00:1::5', options)).toBe(true);
    expect(permits('192.168.7.7', options)).toBe(true);
    expect(permits('10.2.0.1', options)).toBe(false);
    expect(permits('fd00:2::5', options)).toBe(false);
    expect(permits('192.168.7.8', options)).toBe(false);
  });

  it('A2: permits a private address by the name and port it was asked by', () => {
    const options = { allow: ['jira.internal:443'] };
    expect(permits('10.9.9.9', options, 'Jira.Internal.')).toBe(true);
    expect(permits('10.9.9.9', options, 'other.internal')).toBe(false);
    expect(addressPolicy(options)({ address: '10.9.9.9', host: 'jira.internal', port: 8443 })).toBe(false);
  });

  it('A3: permits loopback where it is allowed as such, and by no other rule', () => {
    expect(permits('127.0.0.1', { allowLoopback: true })).toBe(true);
    expect(permits('::1', { allowLoopback: true })).toBe(true);
    expect(permits('127.0.0.1', { allow: ['127.0.0.0/8', 'mcp.example:443'] })).toBe(false);
    expect(permits('10.0.0.1', { allowLoopback: true })).toBe(false);
  });

  it.each(['169.254.169.254', '224.0.0.1', '0.0.0.0', 'fe80::1', '64:ff9b::a00:1'])(
    'A4: refuses %s whatever is allowed',
    (address) =>
      expect(permits(address, { allowLoopback: true, allow: ['0.0.0.0/0', '::/0', 'mcp.example:443'] })).toBe(false),
  );

  it('refuses to start with an entry that it cannot read', () => {
    expect(() => addressPolicy({ allow: ['10.0.0.0/99'] })).toThrow('Write an allowed address as');
    expect(() => addressPolicy({ allow: ['jira.internal'] })).toThrow('Write an allowed address as');
  });
});

describe('hostPort', () => {
  it('writes a name in one way', () => {
    expect(hostPort('MCP.Example.', 443)).toBe('mcp.example:443');
    expect(hostPort('::1', 80)).toBe('[::1]:80');
  });
});
