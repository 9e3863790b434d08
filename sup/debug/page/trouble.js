// The list of failing children above the tree.

import {$, el, ifChanged, keepFocus, setText, visible} from './dom.js';
import {backlog, isBad, lastError, log, now, rows, streaks, tone, trouble} from './model.js';
import {ago, at, coarse, count, many, recoveredText} from './format.js';
import {goTo} from './tree.js';
import {redraw, tab} from './page.js';

const maxTrouble = 20;

export function drawTrouble() {
  const found = trouble();
  $('trouble').hidden = !rows.size;
  const bad = found.filter(f => f.bad > 1).length, recovered = found.length - bad;
  $('trouble').classList.toggle('bad', bad > 0);
  const none = backlog ? 'Reading the recorded events …' : 'No failures';
  setText($('trouble-title'), (bad ? `Failing: ${count(bad)}` : none) + (recovered ? ` · recovered in the last minute: ${count(recovered)}` : ''));
  const entries = found.slice(0, maxTrouble).map(({r, bad}) => {
    const s = streaks.get(r.path);
    const parts = [];
    if (s && bad === 1) parts.push(recoveredText(r, s), `the last at ${at(s.last)}`);
    else if (s) parts.push(`failing for ${coarse(now() - s.since)}, since ${at(s.since)}`, many(s.count, 'failure'), `the last ${ago(s.last)}`);
    else if (r.since) parts.push(`${r.state} for ${coarse(now() - r.since)}, since ${at(r.since)}`);
    return {path: r.path, state: r.state, why: lastError(r), when: parts.join(' · ')};
  });
  const before = found.length ? '' : backlog ? 'Earlier failures are not known yet.' : lastFailure(); // a line in any case, so that nothing moves
  ifChanged($('trouble-list'), [entries, found.length, before], () => {
    const items = entries.map(e => {
      const item = el('li', {}, el('button', {onclick: () => goTo(e.path)},
        el('span', {className: 'path'}, visible(e.path)), el('span', {className: `badge ${tone[e.state] ?? ''}`}, e.state),
        el('span', {className: 'why', title: e.why}, e.why), el('span', {className: 'when'}, e.when)));
      item.firstChild.dataset.path = e.path;
      return item;
    });
    if (found.length > maxTrouble) {
      items.push(el('li', {}, el('button', {onclick: () => { tab('tree'); $('only-failing').checked = true; redraw(); }}, `and ${count(found.length - maxTrouble)} more`)));
    }
    if (before) items.push(el('li', {className: 'when'}, before));
    keepFocus($('trouble-list'), () => $('trouble-list').replaceChildren(...items));
    $('trouble-list').style.minHeight = `${$('trouble-list').offsetHeight}px`; // so that the tree below moves less often
  });
}

/** lastFailure describes the last failure in the log. */
function lastFailure() {
  const e = log.findLast(isBad);
  return e ? `Last failure: ${visible(e.path)} at ${at(e.time)}: ${e.error ?? e.kind}` : 'No failures on record.';
}
