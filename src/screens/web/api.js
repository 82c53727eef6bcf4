// Calls of the daemon. Whatever goes wrong comes back as a refusal with a code and a text, never as an exception.

import { language, t, word } from './words.js';

/** @typedef {{ok: boolean, status: number, code: string, message: string, body: any, wait: number}} Reply */

/** How long a call may take before the officer is told that nobody answered. */
const PATIENCE_MS = 10000;

/**
 * @param {string} path @param {object} [body] POSTed; without it the call is a GET
 * @returns {Promise<Reply>}
 */
export async function call(path, body) {
  const headers = { 'X-Portside': '1', 'Accept-Language': language() === 'zh' ? 'zh-CN' : 'en', Accept: 'application/json' };
  /** @type {RequestInit} */
  const request = { headers, credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) };
  if (body) Object.assign(request, { method: 'POST', body: JSON.stringify(body), headers: { ...headers, 'Content-Type': 'application/json' } });
  try {
    const response = await fetch(path, request);
    const json = await response.json().catch(() => ({}));
    const ok = response.ok && json.reply !== 'refused';
    const code = String(json.code ?? (ok ? 'done' : `http_${response.status}`));
    const wait = Number(response.headers.get('Retry-After') ?? 0) || 0;
    return { ok, status: response.status, code, message: told(json, response.status), body: json, wait };
  } catch {
    return { ok: false, status: 0, code: 'no_answer', message: t('api.no_answer'), body: {}, wait: 0 };
  }
}

/**
 * The sentence in the officer's language and in the words of the page, which has one for every code; of a code that only a
 * later daemon has, what that daemon says.
 * @param {any} json @param {number} status
 */
export function told(json, status) {
  const ours = typeof json.code === 'string' ? word('refusal', json.code) : '';
  const known = ours !== json.code ? ours : '';
  const theirs = typeof json.message === 'string' ? json.message : '';
  return known || theirs || (status >= 400 ? t('api.failed', { status }) : '');
}

/** A name for one attempt, so that it is done once however often it is sent. */
export function attemptName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/**
 * @param {object} act as the lane reads it
 * @param {string} [idempotency] that of the attempt that is repeated
 */
export function act(act, idempotency = attemptName()) {
  return call('/api/act', { act, idempotency });
}
