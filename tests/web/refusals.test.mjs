import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { told } from '../../src/screens/web/api.js';
import { LANGUAGES, setLanguage } from '../../src/screens/web/words.js';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));
const read = (path) => readFileSync(join(SRC, path), 'utf8');

/** Enums whose `code()` reaches a page; each match is closed, so a reason without a code does not compile. */
const REASONS = ['lane/refusal.rs', 'people/denied.rs', 'people/rule.rs', 'screens/reply.rs'];

/** The codes that the bodies of `fn code` of a file give. @param {string} path */
function codesOf(path) {
  const bodies = [...read(path).matchAll(/const fn code\(&?self\) -> &'static str \{\n\s+match self \{\n(?<arms>.*?)\n\s+\}\n\s+\}/gs)];
  assert.ok(bodies.length > 0, `${path} has no code()`);
  return bodies.flatMap(({ groups }) => groups.arms.split('\n').flatMap((arm) => {
    const [, code] = /=> "([a-z_]+)",$/.exec(arm) ?? [];
    assert.ok(code || /=> \w+\.code\(\),$/.test(arm), `${path}: what code is this? ${arm}`);
    return code ?? [];
  }));
}

const UNREADABLE = /pub const UNREADABLE: &str = "([a-z_]+)";/.exec(read('control/call.rs'))?.[1] ?? '';
const codes = new Set([...REASONS.flatMap(codesOf), UNREADABLE]);

test('every code that the daemon refuses with has a sentence in each language, and no sentence is for nothing', () => {
  assert.ok(codes.size > 80, `${codes.size} codes`);
  for (const [name, words] of Object.entries(LANGUAGES)) {
    const known = Object.keys(words).filter((key) => key.startsWith('refusal.')).map((key) => key.slice('refusal.'.length));
    assert.deepEqual(known.filter((code) => !codes.has(code)), [], `${name}: sentences of codes that nobody sends`);
    assert.deepEqual([...codes].filter((code) => !known.includes(code)), [], `${name}: codes without a sentence`);
  }
});

test('pages refuse with codes of that list alone', () => {
  const files = readdirSync(join(SRC, 'screens')).filter((name) => name.endsWith('.rs') && name !== 'reply.rs');
  for (const name of files) {
    const [live] = read(`screens/${name}`).split('#[cfg(test)]');
    assert.doesNotMatch(live, /"code":/, `${name} writes a code by hand`);
    assert.doesNotMatch(live, /Reply::Refused \{ code: "/, `${name} writes a code by hand`);
  }
});

test('a refusal is said in the language of the page, and what it has no words for as the daemon said it', () => {
  globalThis.document = { documentElement: {}, querySelectorAll: () => [] };
  const refused = { reply: 'refused', code: 'not_your_hold', message: 'ciq has no hold here' };
  for (const language of ['zh', 'en']) {
    setLanguage(language);
    assert.equal(told(refused, 409), LANGUAGES[language]['refusal.not_your_hold']);
    assert.equal(told({ ...refused, code: 'of_a_later_version' }, 409), 'ciq has no hold here');
    assert.match(told({}, 502), /502/);
    assert.equal(told({ reply: 'done', message: 'recorded' }, 200), 'recorded');
  }
  setLanguage('zh');
  delete globalThis.document;
});
