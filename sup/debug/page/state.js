// The contexts of the handler.

import {$, el, ifChanged, request, setText} from './dom.js';
import {now, session} from './model.js';
import {ago, count, many} from './format.js';

let watching = null, stateShown = null, changes = new Map(), loads = 0;

/** showContexts lists the contexts of the handler. */
export function showContexts() {
  $('tab-state').hidden = !session.contexts.length;
  ifChanged($('state-name'), session.contexts, () => $('state-name').replaceChildren(...session.contexts.map(name => el('option', {value: name}, name))));
}

/** loadState lists the keys of a context, and watches it while the tab is open. */
export async function loadState() {
  const name = $('state-name').value, n = ++loads;
  if ($('view-state').hidden || !name) { unwatch(); return; }
  if (watching?.of !== name) {
    unwatch();
    changes = new Map();
    watching = new EventSource(`watch?name=${encodeURIComponent(name)}`);
    watching.of = name;
    watching.onmessage = event => applyChanges(JSON.parse(event.data));
  }
  try {
    const listed = await request(`state?name=${encodeURIComponent(name)}&part=${encodeURIComponent($('state-part').value)}`).then(r => r.json());
    if (n === loads) { stateShown = {keys: [], ...listed}; drawState(); }
  } catch (error) {
    setText($('state-found'), error.message);
  }
}

function unwatch() { watching?.close(); watching = null; }

function applyChanges(m) {
  if (!stateShown) return;
  const part = $('state-part').value;
  for (const c of m.changes) {
    const seen = changes.get(c.key) ?? {count: 0};
    changes.set(c.key, {count: seen.count + c.count, time: now()});
    const i = stateShown.keys.findIndex(k => k.key === c.key);
    if (c.present && i >= 0) stateShown.keys[i] = c;
    else if (c.present && c.key.includes(part) && !stateShown.more) { stateShown.keys.push(c); stateShown.len++; }
    else if (!c.present && i >= 0) { stateShown.keys.splice(i, 1); stateShown.len--; }
  }
  drawState();
  if (m.skipped) loadState();
}

export function drawState() {
  if ($('view-state').hidden || !stateShown) return;
  const {keys, len, more, values} = stateShown;
  setText($('state-found'), more ? `${count(keys.length)} of ${many(len, 'key')}: filter for the others` : many(keys.length, 'key'));
  $('state-values').hidden = !values;
  const seen = keys.map(k => ({...k, ...changes.get(k.key) ?? {count: 0, time: 0}}));
  ifChanged($('state'), [seen, Math.floor(now() / 1000)], () => $('state').replaceChildren(...seen.map(k => el('tr', {className: now() - k.time < 1500 ? 'fresh' : ''},
    el('td', {className: 'key'}, k.key), el('td', {className: 'num'}, count(k.size)), el('td', {className: 'num'}, k.count ? count(k.count) : ''),
    el('td', {className: 'num'}, k.time ? ago(k.time) : ''), ...values ? [el('td', {className: 'value'}, k.value ?? '')] : []))));
}

$('state-name').addEventListener('input', loadState);
$('state-part').addEventListener('input', loadState);
