import { ENTER_PATH } from '../../services/ports/port-service.ts';

/**
 * The page that an address with a ticket leads to. The ticket is behind #, so that no server, log,
 * Referer or preview of a chat sees it, and it is used only when a person opens the page.
 */
export const enterPage = (nonce: string): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Opening the port</title>
<style nonce="${nonce}">body{font:16px system-ui;margin:15vh auto;max-width:32rem;padding:0 1rem}</style>
<p id="text">Opening the port…</p><noscript>This page needs JavaScript.</noscript>
<script nonce="${nonce}">
const ticket = location.hash.slice(1);
const to = new URL(new URLSearchParams(location.search).get('to') || '/', location.origin);
history.replaceState(null, '', location.pathname);
const say = (text) => { document.getElementById('text').textContent = text; };
fetch('${ENTER_PATH}', { method: 'POST', body: ticket, headers: { 'Content-Type': 'text/plain' } }).then(
  async (answer) => {
    if (answer.ok) location.replace(to.origin === location.origin ? to.href : '/');
    else say((await answer.json()).error.message);
  },
  () => say('The server does not respond. Reload the page from its address.'),
);
</script></html>
`;

export const refusalPage = (title: string, text: string): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title>
<body style="font:16px system-ui;margin:15vh auto;max-width:32rem;padding:0 1rem"><h1 style="font-size:1.3em">${escaped(title)}</h1><p>${escaped(text)}</p></html>
`;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
