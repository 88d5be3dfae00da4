// Preloaded into a server that we did not write (`node --import`): it listens on 127.0.0.1 and a free port, whatever it
// asked for, and says which. server-everything binds every interface and its `get-env` shows the environment, and
// none of these servers tells a port that the system chose.
import { Server, type AddressInfo } from 'node:net';

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with the server as `this` below
const listen = Server.prototype.listen as (this: Server, options: object, callback?: () => void) => Server;

Server.prototype.listen = function listenOnLoopback(this: Server, ...args: unknown[]): Server {
  const callback = args.find((argument): argument is () => void => typeof argument === 'function');
  this.once('listening', () => {
    const { port } = this.address() as AddressInfo;
    process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`);
  });
  return listen.call(this, { host: '127.0.0.1', port: 0 }, callback);
};
