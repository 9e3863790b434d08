// The events.

import {$, el, ifChanged, keepFocus, setText, visible} from './dom.js';
import {isBad, log, rows} from './model.js';
import {childExited, childRemoved, childRestarting, childStopped, supervisorFailed, supervisorStarted, supervisorStopped} from './kinds.js';
import {at, count, hostExhausted, many, precise, span} from './format.js';
import {goTo} from './tree.js';

const pageSize = 200;
let logSize = pageSize, held = null;

const kinds = {
  all: () => true, bad: isBad,
  exits: e => [childExited, childRestarting, childStopped, childRemoved].includes(e.kind) || isBad(e),
  supervisors: e => [supervisorStarted, supervisorFailed, supervisorStopped].includes(e.kind),
};

export function drawLog() {
  if ($('view-events').hidden) return;
  const part = $('log-part').value.trim().toLowerCase(), kind = kinds[$('log-kinds').value];
  const found = (held ?? log).filter(e => e.lost || kind(e) && (!part || `${e.path} ${e.kind} ${e.error ?? ''}`.toLowerCase().includes(part)));
  const seen = found.slice(-logSize).reverse();
  setText($('log-found'), `${count(found.length)} of ${many((held ?? log).length, 'event')}`);
  $('log-more').hidden = found.length <= logSize;
  ifChanged($('log'), [seen.map(e => e.seq), logSize], () => keepFocus($('log'), () => $('log').replaceChildren(...seen.map(e => {
    const go = el('button', {onclick: () => goTo(e.path)}, visible(e.path));
    go.dataset.path = e.path;
    const what = [e.exit && e.exit + (e.error ? `: ${e.error}` : ''), e.delay && `after ${span(e.delay)}`, e.exhausted && hostExhausted, e.because && `because of ${visible(e.because)}`].filter(Boolean).join(', ');
    return el('tr', {className: isBad(e) || e.exhausted ? 'bad' : e.kind === childRestarting ? 'warn' : ''},
      el('td', {className: 'time'}, at(e.time, precise)), el('td', {}, e.kind), el('td', {className: 'path'}, rows.has(e.path) ? go : visible(e.path)),
      el('td', {className: 'num'}, e.incarnation ? `#${e.incarnation}` : ''), el('td', {}, what));
  }))));
}

for (const id of ['log-part', 'log-kinds']) $(id).addEventListener('input', () => { logSize = pageSize; drawLog(); });
$('log-pause').addEventListener('input', () => { held = $('log-pause').checked ? [...log] : null; drawLog(); });
$('log-more').addEventListener('click', () => { logSize += pageSize; drawLog(); });
