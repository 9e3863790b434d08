// The panel of one child: facts, buttons, exits and goroutines.

import {$, el, ifChanged, keepFocus, request, setText, visible} from './dom.js';
import {consequences, failing, kids, log, now, rows, session, streaks, top} from './model.js';
import {childExited, childQuarantined, childReady, childRestarting, childStarting, childStopped, supervisorFailed} from './kinds.js';
import {ago, at, censusText, coarse, count, hostExhausted, many, precise, recoveredText, shortened, span, windowText} from './format.js';
import {choose, chosen} from './tree.js';
import {drawLog} from './log.js';
import {tab} from './page.js';

const maxExits = 50;

export function drawChild() {
  const r = rows.get(chosen);
  $('child').hidden = !chosen;
  if (!chosen) return;
  setText($('child-path'), r?.id ?? visible(chosen.slice(chosen.lastIndexOf('/') + 1)));
  setText($('child-where'), visible(chosen));
  if (!r) {
    ifChanged($('child-facts'), null, () => $('child-facts').replaceChildren(el('dt', {}, 'State'), el('dd', {}, 'removed')));
    ifChanged($('child-buttons'), null, () => $('child-buttons').replaceChildren());
    return;
  }
  const facts = [['State', r.state + (r.since ? ` for ${coarse(now() - r.since)}, since ${at(r.since)}` : '')]];
  const s = streaks.get(r.path);
  if (s && failing(r) > 1) facts.push(['Failing since', `${at(s.since)}, ${ago(s.since)}: ${many(s.count, 'failure')}`]);
  else if (s && failing(r)) facts.push(['Recovered', recoveredText(r, s)]);
  if (r.exit) facts.push(['Last exit', r.exit + (r.error ? `: ${r.error}` : ''), r.exit === 'abnormal' ? 'error' : '']);
  if (r.incarnation) facts.push(['Incarnation', `${r.incarnation}; ${many(r.restarts ?? 0, 'restart')}, ${many(r.failures ?? 0, 'failure')}`]);
  if (r.budget) facts.push(['Budget', windowText(r.budget) + '; then quarantine']);
  if (r.restart) facts.push(['Policy', r.restart + (r.significant ? ', significant' : '')]);
  if (r.sup) {
    facts.push(['Strategy', r.sup.strategy], ['Intensity', windowText(r.sup.window)]);
    if (r.sup.auto) facts.push(['Ends with', r.sup.auto]);
    if (r.sup.up) facts.push(['Up', `for ${coarse(now() - r.sup.up)}, since ${at(r.sup.up)}`]);
    facts.push(['Children', `${count(kids.get(r.path)?.length ?? 0)}${kids.get(r.path)?.length ? ': ' + censusText(r.path) : ''}`]);
  }
  ifChanged($('child-facts'), facts, () => $('child-facts').replaceChildren(...facts.flatMap(([name, text, kind]) => [el('dt', {}, name), el('dd', {className: kind ?? ''}, text)])));
  ifChanged($('child-stuck'), r.stack ?? '', () => $('child-stuck').replaceChildren(...r.stack ? [el('h3', {}, 'Stack of the stuck child'), el('pre', {tabIndex: 0}, r.stack)] : []));
  drawButtons(r);
  drawExits(r);
  $('child-stacks').hidden = r.path === top;
  $('child-leaks').hidden = !session.leaks;
}

function drawExits(r) {
  const led = consequences();
  const exits = [];
  const ready = new Map();
  for (const e of log) {
    if (e.path !== r.path) continue;
    if (e.kind === childReady) ready.set(e.incarnation, e.time);
    if (e.kind === childExited || e.kind === supervisorFailed && r.path === top) {
      exits.push({e, lived: ready.has(e.incarnation) ? span(e.time - ready.get(e.incarnation)) : '', led: led.get(e.seq)});
    }
    const last = exits.at(-1);
    if (last && e.kind === childRestarting) {
      if (e.delay) last.delay = e.delay;
      if (e.exhausted) last.exhausted = true;
    }
    if (last && e.kind === childStopped) last.rest = 'stopped';
    if (last && e.kind === childQuarantined) last.rest = 'quarantined';
    if (last && e.kind === childStarting) last.next = e.incarnation;
  }
  const seen = exits.reverse().slice(0, maxExits);
  const key = seen.map(({e, ...more}) => [e.seq, more]); // without the stacks
  ifChanged($('child-exits'), [r.path, key, Math.floor(now() / 10_000)], () => {
    const open = new Set([...$('child-exits').querySelectorAll('details[open]')].map(d => d.dataset.seq));
    $('child-exits').replaceChildren(...seen.map(({e, lived, led, delay, exhausted, rest, next}) => {
      const item = el('li', {}, el('p', {className: 'head'}, el('span', {}, at(e.time, precise)), el('span', {}, ago(e.time)),
        el('span', {}, e.incarnation ? `incarnation ${e.incarnation}` : ''), el('span', {}, lived && `lived ${lived}`), el('span', {}, e.exit)));
      if (e.error) item.append(el('p', {className: e.exit === 'abnormal' ? 'error' : ''}, e.error));
      const then = [];
      if (led?.because) then.push((led.because.startsWith(e.path + '/') ? 'gave up because of ' : 'stopped for the restart of ') + visible(led.because));
      if (led?.gaveUp) then.push(`supervisor ${visible(led.gaveUp)} gave up`);
      if (exhausted) then.push(hostExhausted);
      if (next) then.push(`restarted${delay ? ` after ${span(delay)}` : ''} as incarnation ${next}`);
      else if (rest) then.push(rest);
      else if (delay) then.push(`restart in ${span(delay)}`);
      if (led?.with.length) then.push(`restarted with this child: ${shortened(led.with.map(visible)).join(', ')}`);
      if (then.length) item.append(el('p', {className: 'then'}, '→ ' + then.join('; ')));
      if (e.stack) {
        const details = el('details', {open: open.has(String(e.seq))}, el('summary', {}, 'Stack'), el('pre', {tabIndex: 0}, e.stack));
        details.dataset.seq = e.seq;
        item.append(details);
      }
      return item;
    }), ...seen.length ? [] : [el('li', {}, 'None on record.')]);
  });
}

// ── Buttons ───────────────────────────────────────────────────────────────────

function drawButtons(r) {
  const resting = r.state === 'stopped' || r.state === 'quarantined';
  const all = [];
  if (session.operate) {
    if (r.path !== top && (resting || r.restart !== 'temporary')) all.push(['restart', resting ? 'Start' : 'Restart', r.state === 'starting']);
    if (r.supervisor) all.push(['shutdown', 'Shut down', resting || r.state === 'not running']);
    else all.push(['terminate', 'Terminate', resting]);
  }
  ifChanged($('child-buttons'), [r.path, all], () => keepFocus($('child-buttons'), () => $('child-buttons').replaceChildren(...all.map(([op, text, disabled]) => {
    const b = el('button', {disabled, className: op === 'restart' ? '' : 'danger', onclick: () => operate(op, text)}, text);
    b.dataset.op = op;
    return b;
  }))));
}

/** operate asks for confirmation, and sends the call with the incarnation that was
 * shown when the button was clicked. */
async function operate(op, text) {
  const r = rows.get(chosen), path = chosen;
  if (!r) return;
  const consequence = {
    restart: r.state === 'restarting' ? 'The next incarnation starts without waiting for the backoff.' : `Incarnation ${r.incarnation} stops, and the next one starts.`,
    terminate: r.restart === 'temporary' ? 'The child stops and is removed.' : 'The child stops, and stays stopped until an operator starts it.',
    shutdown: path === top ? 'The whole tree ends. This page cannot start it again.' : 'The supervisor and its children stop, and stay stopped until an operator starts them.',
  }[op];
  if (text !== 'Start' && !await confirmed(`${text} ${r.id}?`, consequence, text)) return;
  answer(`${text}: in progress …`, false);
  try {
    const response = await fetch('operate', {
      method: 'POST', headers: {'Content-Type': 'application/json'},
      body: JSON.stringify({op, path, incarnation: r.incarnation ?? 0}),
    });
    const body = await response.text();
    if (path !== chosen) return;
    if (!response.ok) answer(body.trim(), true);
    else answer(JSON.parse(body).note ?? `${text}: done`, false);
  } catch (error) {
    answer(`${text}: no answer (${error.message})`, true);
  }
}

export function answer(text, bad) {
  setText($('child-answer'), text);
  $('child-answer').classList.toggle('bad', bad);
}

function confirmed(title, text, yes) {
  const dialog = $('confirm');
  setText($('confirm-title'), title);
  setText($('confirm-text'), text);
  setText($('confirm-yes'), yes);
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise(done => dialog.addEventListener('close', () => done(dialog.returnValue === 'yes'), {once: true}));
}

// ── Goroutines ────────────────────────────────────────────────────────────────

/** showGoroutines shows what load returns for the child in the panel, or its error. */
async function showGoroutines(load) {
  const path = chosen;
  let content;
  try {
    content = await load(path);
  } catch (error) {
    content = [el('p', {}, error.message)];
  }
  if (path === chosen) $('child-goroutines').replaceChildren(...content);
}

const stacks = path => request(`stacks?path=${encodeURIComponent(path)}`).then(r => r.text()).then(text =>
  [el('h3', {}, `Goroutines at ${at(now())}`), text ? el('pre', {tabIndex: 0}, text) : el('p', {}, 'None: the child is down.')]);

const leaks = path => request(`leaks?path=${encodeURIComponent(path)}`).then(r => r.json()).then(report => {
  const content = [el('h3', {}, `Leaked goroutines at ${at(now())}`)];
  for (const l of report.leaks) {
    content.push(el('h4', {}, `incarnation ${l.incarnation}${l.path === path ? '' : ` of ${visible(l.path)}`}: ${many(l.count, 'goroutine')}`), el('pre', {tabIndex: 0}, l.stack));
  }
  if (!report.leaks.length) content.push(el('p', {}, 'None known for this child.'));
  if (report.unlabelled) content.push(el('p', {}, `Without labels: ${many(report.unlabelled, 'leaked goroutine')} of this program. Set Labels in the Spec to attribute goroutines to children.`));
  return content;
});

$('child-stacks').addEventListener('click', () => showGoroutines(stacks));
$('child-leaks').addEventListener('click', () => showGoroutines(leaks));
$('child-events').addEventListener('click', () => { $('log-part').value = chosen; tab('events'); drawLog(); });
function closeChild() { choose(''); $('tree').focus(); }
$('child-close').addEventListener('click', closeChild);
$('child').addEventListener('keydown', event => { if (event.key === 'Escape') closeChild(); });
