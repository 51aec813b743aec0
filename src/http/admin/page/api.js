// The daemon's answers. Each call has its deadline; an answer that refuses is an error with its words.

const PATIENCE_MS = 10_000;
let token = sessionStorage.getItem('token');

/** The daemon has answered, and refused. */
export class Refused extends Error {
  constructor(status, problem) {
    super([problem.detail ?? problem.title, problem.hint].filter(Boolean).join(' – ') || `answer ${status}`);
    this.status = status;
    this.code = problem.code;
  }
}

/** Nothing came back: the daemon is gone, or cannot be reached. */
export class Gone extends Error {}

/** The token that goes along from now on. */
export function useToken(typed) {
  token = typed;
  sessionStorage.setItem('token', typed);
}

async function call(path, options) {
  const headers = { ...options.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) };
  let reply;
  let text;
  try {
    reply = await fetch(path, { ...options, headers, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
    text = await reply.text();
  } catch {
    throw new Gone('no answer');
  }
  let said = {};
  try {
    said = JSON.parse(text);
  } catch {
    // a proxy in front may answer in its own words
  }
  if (!reply.ok && said.released !== false) throw new Refused(reply.status, said);
  return said;
}

/** What stands at the path now; `query` holds what is not empty. */
export function ask(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  const search = new URLSearchParams(given).toString();
  return call(search ? `${path}?${search}` : path, {});
}

/** The same, or null where there is no such thing. */
export async function askFor(path, query) {
  try {
    return await ask(path, query);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Has something done; `body` is sent as it is where it is a text. */
export function order(path, body, query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
  return sent(search ? `${path}?${search}` : path, body);
}

function sent(path, body) {
  if (body === undefined) return call(path, { method: 'POST' });
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return call(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
}

/** The operators' path of a partner. */
export function at(partner, ...segments) {
  return ['/admin/partners', ...[partner, ...segments].map(encodeURIComponent)].join('/');
}

/** The page's own address of a view. */
export function link(...segments) {
  return `#/${segments.map(encodeURIComponent).join('/')}`;
}
