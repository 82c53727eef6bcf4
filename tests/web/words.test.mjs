import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CATEGORIES, VERDICTS } from '../../src/screens/web/draft.js';
import { COMMANDS } from '../../src/screens/web/commands.js';
import { DISPOSITIONS } from '../../src/screens/web/panels/examination.js';
import { clockLeft } from '../../src/screens/web/words.js';
import { en } from '../../src/screens/web/words/en.js';
import { zh } from '../../src/screens/web/words/zh.js';

const WEB = fileURLToPath(new URL('../../src/screens/web/', import.meta.url));
const files = readdirSync(WEB, { recursive: true }).filter((name) => /\.(js|html)$/.test(name) && !/^words\/(zh|en)\.js$/.test(name));
const source = files.map((name) => readFileSync(join(WEB, name), 'utf8')).join('\n');

test('both languages have the same words', () => {
  assert.deepEqual(Object.keys(en), Object.keys(zh));
  for (const key of Object.keys(zh)) {
    assert.ok(zh[key].trim() && en[key].trim(), key);
    const holes = (text) => (text.match(/\{\w+\}/g) ?? []).sort().join();
    assert.equal(holes(zh[key]), holes(en[key]), `${key} has the same values in both`);
  }
});

test('English words are English and Chinese ones end as Chinese sentences do', () => {
  for (const [key, text] of Object.entries(en)) assert.doesNotMatch(text, /[\u3400-\u9fff]/, key);
  for (const [key, text] of Object.entries(zh)) assert.doesNotMatch(text, /[\u4e00-\u9fff]\.( |$)/, key);
});

/** Families whose last part comes from the daemon or from a list, by `word('family', …)` or `t(\`family.${…}\`)`. */
const families = new Set([...source.matchAll(/word\('([a-z_]+)'/g), ...source.matchAll(/t\(`([a-z_]+)\.(?:preset_)?\$\{/g)].map(([, family]) => family));

test('every word is used', () => {
  for (const key of Object.keys(zh)) {
    const quoted = [`'${key}'`, `"${key}"`].some((text) => source.includes(text));
    assert.ok(quoted || families.has(key.split('.')[0]), `${key} is in the words and nowhere used`);
  }
});

test('every word that is used is there', () => {
  const used = [...source.matchAll(/\bt\('([a-z_]+\.[a-z_0-9]+)'/g), ...source.matchAll(/data-(?:word|label)="([^"]+)"/g)].map(([, key]) => key);
  assert.ok(used.length > 100);
  for (const key of used) assert.ok(key in zh, `${key} is used and has no word`);
  for (const family of families) assert.ok(Object.keys(zh).some((key) => key.startsWith(`${family}.`)), family);
});

test('the closed lists have a word each', () => {
  const lists = { category: CATEGORIES, standing: [...VERDICTS, 'waiting', 'given', 'hidden', 'not_reviewed'], disposition: DISPOSITIONS, tool: COMMANDS.map(({ id }) => id), group: COMMANDS.map(({ group }) => group) };
  for (const [family, list] of Object.entries(lists)) for (const one of list) assert.ok(`${family}.${one}` in zh, `${family}.${one}`);
});

test('a time that is left is rounded up, so that nothing is over before it is', () => {
  assert.deepEqual([90000, 61001, 60000, 1, 0, -5].map(clockLeft), ['1:30', '1:02', '1:00', '0:01', '0:00', '0:00']);
});

test('no page has script, style or markup where it could be put in', () => {
  assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/);
  const pages = files.filter((name) => name.endsWith('.html')).map((name) => readFileSync(join(WEB, name), 'utf8')).join('\n');
  assert.doesNotMatch(pages, /<script(?![^>]*\bsrc=)|<style| style=| on[a-z]+=/);
  assert.doesNotMatch(source.replaceAll('http://www.w3.org/2000/svg', ''), /https?:\/\//, 'nothing is fetched from elsewhere');
});
