// The page on which one picks who to be.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import type { People, Person } from './people.js';

/** Where the page is: `/sign-in/<interaction>`; `POST` with `?person=<sub>` signs in. */
export const SIGN_IN_PATH = '/sign-in/';

/** Shows the page, or finishes the sign-in that it started. */
export async function signInPage(
  provider: Provider,
  people: People,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Refuses who did not come from an authorization request of this browser.
  await provider.interactionDetails(request, response);
  const sub = new URL(request.url ?? '', 'http://localhost').searchParams.get('person');
  if (request.method === 'POST' && sub !== null && people.has(sub)) {
    await provider.interactionFinished(request, response, { login: { accountId: sub }, consent: {} });
    return;
  }
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(page([...people.values()]));
}

function page(people: readonly Person[]): string {
  const buttons = people.map(
    ({ sub, name, groups }) =>
      `<p><button formaction="?person=${encodeURIComponent(sub)}">${escape(name)}</button> ${escape(groups.join(', '))}</p>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in</title>
<h1>Who are you today?</h1><p>This is the development issuer: it believes everybody.</p>
<form method="post">${buttons.join('\n')}</form></html>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
