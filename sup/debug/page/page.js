// The page of package debug. It receives the tree as rows by path, and the events as
// a log. Everything else is derived from these two.

const $ = id => document.getElementById(id);

/** el creates an element. Text is never parsed as HTML. */
function el(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
}

/** setText does not touch an element with the same text, so that a selection in it stays. */
function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

/** visible escapes what a browser would reorder or hide in a path, as in a typed path:
 * %E2%80%AE, say. Ids and errors arrive escaped, and a path must stay as it is to
 * identify a child. */
const visible = path => path.replace(/(?! )[\p{C}\p{Z}]/gu, c => encodeURIComponent(c));

/** ifChanged draws a part of the page only if its content has changed. */
const drawn = new WeakMap();
function ifChanged(e, content, draw) {
  const key = JSON.stringify(content);
  if (drawn.get(e) === key) return;
  drawn.set(e, key);
  draw();
}

// ── Model ─────────────────────────────────────────────────────────────────────

const rows = new Map();      // by path
const kids = new Map();      // paths of children in order, by path of the supervisor
let top = '';                // path of the supervisor at the top
let session = {epoch: '', operate: false, leaks: false, contexts: []};
let log = [];                // events, oldest first
let received = new Set();    // their sequence numbers
let streaks = new Map();     // failures in a row, by path, see trackFailures
let readyAt = new Map();     // when the last incarnation became ready, by path
let skew = 0;                // clock of the tree minus the clock of the browser, in ms
let version = 0;             // counts changes of the tree
const maxLog = 5000;
const recovery = 60_000;     // an incarnation that lives this long, in ms, ends a streak

const now = () => Date.now() + skew;
const parentOf = path => path.slice(0, Math.max(0, path.lastIndexOf('/')));

function clearLog() {
  log = []; received = new Set(); streaks = new Map(); readyAt = new Map();
}

/** apply updates the model with a message. */
function apply(m) {
  skew = m.now - Date.now();
  if (m.session) {
    if (m.session.epoch !== session.epoch) clearLog();
    session = m.session;
    rows.clear();
    kids.clear();
    showContexts();
  }
  for (const path of m.gone ?? []) removeRow(path);
  for (const r of m.rows ?? []) {
    if (!rows.has(r.path)) {
      if (r.parent) childrenOf(r.parent).push(r.path);
      else top = r.path;
    }
    rows.set(r.path, r);
  }
  for (const [path, order] of Object.entries(m.order ?? {})) kids.set(path, order);
  if (m.session || m.gone || m.rows || m.order) version++;
  if (m.skipped && log.length) log.push({kind: 'events lost', path: '', time: m.now, lost: true});
  for (const e of m.events ?? []) {
    if (received.has(e.seq)) continue;
    received.add(e.seq);
    log.push(e);
    trackFailures(e);
  }
  for (const e of log.splice(0, Math.max(0, log.length - maxLog))) received.delete(e.seq);
  for (const kept of [streaks, readyAt]) {
    if (kept.size < 2 * rows.size + maxLog) continue;
    for (const path of kept.keys()) if (!rows.has(path)) kept.delete(path);
  }
}

function childrenOf(path) {
  if (!kids.has(path)) kids.set(path, []);
  return kids.get(path);
}

function removeRow(path) {
  const above = kids.get(parentOf(path));
  const at = above?.indexOf(path) ?? -1;
  if (at >= 0) above.splice(at, 1);
  const below = [path];
  while (below.length) {
    const p = below.pop();
    for (const child of kids.get(p) ?? []) below.push(child);
    rows.delete(p);
    kids.delete(p);
  }
}

/** trackFailures updates the streak of a child. */
function trackFailures(e) {
  if (e.kind === 'child ready') readyAt.set(e.path, e.time);
  if (e.kind === 'child removed') { streaks.delete(e.path); readyAt.delete(e.path); }
  if (e.kind !== 'child exited' || e.exit !== 'abnormal') return;
  const s = streaks.get(e.path);
  const lived = e.time - (readyAt.get(e.path) ?? e.time);
  if (s && lived < recovery) Object.assign(s, {last: e.time, count: s.count + 1, error: e.error});
  else streaks.set(e.path, {since: e.time, last: e.time, count: 1, error: e.error});
}

// ── Failures ──────────────────────────────────────────────────────────────────

const tone = {running: 'good', starting: 'warn', restarting: 'warn', stopping: 'warn', stuck: 'bad', quarantined: 'bad', 'not running': 'bad'};

/** failing returns the severity of a child's failures: 0 for none, 1 for a single one
 * that the child has recovered from, 2 for repeated failures, 3 for out of service. */
function failing(r) {
  const s = streaks.get(r.path);
  switch (r.state) {
    case 'quarantined': case 'stuck': case 'not running': return 3;
    case 'stopped': return r.exit === 'abnormal' ? 3 : 0;
    case 'restarting': return r.exit === 'abnormal' ? 2 : 0;
  }
  if (!s || now() - s.last >= recovery) return 0;
  return s.count > 1 ? 2 : 1;
}

/** trouble lists the failing rows by severity. A supervisor comes after its children,
 * which are the cause of its failure. Older failures come first, so that the order is stable. */
function trouble() {
  const found = [];
  for (const r of rows.values()) {
    const bad = failing(r);
    if (bad) found.push({r, bad, since: streaks.get(r.path)?.since ?? r.since ?? 0});
  }
  return found.sort((a, b) => b.bad - a.bad || !!a.r.supervisor - !!b.r.supervisor || a.since - b.since || (a.r.path < b.r.path ? -1 : 1));
}

/** lastError returns the error of the last failure of a child. */
function lastError(r) {
  if (r.exit === 'abnormal' && r.error) return r.error;
  if (r.state === 'not running') return log.findLast(e => e.kind === 'supervisor failed' && e.path === r.path)?.error ?? '';
  return streaks.get(r.path)?.error ?? r.error ?? '';
}

/** consequences returns what each exit in the log led to, by the sequence number of the
 * exit: {with: paths of siblings restarted in the same round, gaveUp: path of the
 * supervisor that failed, because: path of the child whose exit caused this one}. */
function consequences() {
  const found = new Map(), last = new Map(), lastIn = new Map(), failed = new Map();
  const of = e => { if (!found.has(e.seq)) found.set(e.seq, {with: []}); return found.get(e.seq); };
  for (const e of log) {
    switch (e.kind) {
      case 'child exited':
        last.set(e.path, e);
        lastIn.set(parentOf(e.path), e);
        if (failed.has(e.path)) { of(e).because = failed.get(e.path); failed.delete(e.path); }
        break;
      case 'child restarting':
        if (!e.because) break;
        if (last.has(e.because)) of(last.get(e.because)).with.push(e.path);
        if (last.has(e.path)) of(last.get(e.path)).because = e.because;
        break;
      case 'supervisor failed':
        if (!lastIn.has(e.path)) break;
        of(lastIn.get(e.path)).gaveUp = e.path;
        failed.set(e.path, lastIn.get(e.path).path);
        break;
    }
  }
  return found;
}

// ── Formatting ────────────────────────────────────────────────────────────────

/** span formats a duration with at most two units. */
function span(ms) {
  const s = Math.max(0, ms) / 1000;
  if (s < 1) return `${Math.round(ms)} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}
const coarse = ms => ms < 1000 ? '0 s' : ms < 10_000 ? `${Math.floor(ms / 1000)} s` : span(ms);
const count = n => n.toLocaleString('en');
const many = (n, word) => `${count(n)} ${word}${n === 1 ? '' : word === 'child' ? 'ren' : 's'}`;
const clock = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit', second: '2-digit'});
const precise = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3});
const day = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short'});
const at = (ms, format = clock) => (now() - ms > 43_200_000 ? day.format(ms) + ' ' : '') + format.format(ms);
const ago = ms => `${coarse(now() - ms)} ago`;
const shortened = list => list.length > 8 ? [...list.slice(0, 7), `and ${list.length - 7} more`] : list;

/** census counts the children of a supervisor, or all children, by state. */
let censuses = {version: -1};
function census(path) {
  if (censuses.version !== version) censuses = {version, of: new Map()};
  if (!censuses.of.has(path)) {
    const states = {};
    for (const p of path === null ? rows.keys() : kids.get(path) ?? []) {
      if (p !== top) { const s = rows.get(p)?.state; states[s] = (states[s] ?? 0) + 1; }
    }
    censuses.of.set(path, Object.entries(states).sort((a, b) => b[1] - a[1]));
  }
  return censuses.of.get(path);
}
const censusText = path => census(path).map(([state, n]) => `${count(n)} ${state}`).join(', ');

// ── The stream ────────────────────────────────────────────────────────────────

let source = null, lastID = '', lost = 0;

function connect() {
  source = new EventSource('events' + (lastID ? `?after=${encodeURIComponent(lastID)}` : ''));
  source.onmessage = event => {
    lastID = event.lastEventId;
    lost = 0;
    const m = JSON.parse(event.data);
    apply(m);
    connection(m.error ? `tree unavailable: ${m.error}` : '', !m.error);
    redraw();
  };
  source.onerror = () => {
    lost ||= Date.now();
    connection('connection lost, reconnecting', false);
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000); // the browser does not reconnect after an HTTP error
  };
}

function connection(text, live) {
  setText($('connection'), text || 'live');
  $('connection').className = live ? 'live' : 'lost';
}

// ── The tree ──────────────────────────────────────────────────────────────────

const foldAbove = 200;      // a supervisor with more children starts folded
const unfolded = new Map();  // choices of the user, by path
let active = '';             // path of the row with the keyboard focus
let chosen = '';             // path of the child in the panel
let lines = [], lineOf = new Map(), linesFor = '';
const shownRows = new Map(), spare = [];
let rowID = 0;

const isOpen = path => unfolded.get(path) ?? (kids.get(path)?.length ?? 0) <= foldAbove;

/** list computes the lines of the tree: {path, level, size, pos}. A search keeps the
 * rows that match and the supervisors above them. */
function list() {
  const part = $('search').value.trim().toLowerCase(), only = $('only-failing').checked;
  const key = [version, part, only && Math.floor(now() / 1000), [...unfolded].join()].join('\n');
  if (key === linesFor) return;
  linesFor = key;
  const filtered = part !== '' || only;
  const keep = new Set();
  let hits = 0;
  if (filtered) {
    for (const r of rows.values()) {
      if (only && !failing(r)) continue;
      if (part && !`${r.path} ${r.state} ${r.restart ?? ''} ${r.error ?? ''}`.toLowerCase().includes(part)) continue;
      hits++;
      for (let p = r.path; p && !keep.has(p); p = rows.get(p)?.parent) keep.add(p);
    }
  }
  lines = [];
  const walk = (path, level, pos, size) => {
    lines.push({path, level, pos, size});
    let below = kids.get(path) ?? [];
    if (filtered) below = below.filter(p => keep.has(p));
    if (!below.length || !filtered && !isOpen(path)) return;
    below.forEach((p, i) => walk(p, level + 1, i + 1, below.length));
  };
  if (top && rows.has(top) && (!filtered || keep.has(top))) walk(top, 1, 1, 1);
  lineOf = new Map(lines.map((l, i) => [l.path, i]));
  setText($('found'), filtered ? `${many(hits, 'row')} found` : '');
  if (!lineOf.has(active)) active = lines[0]?.path ?? '';
}

const rowHeight = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row'));

/** drawTree draws the visible lines, and a few around them. */
function drawTree() {
  list();
  const height = rowHeight(), tree = $('tree'), extra = 8;
  $('rows').style.height = `${lines.length * height}px`;
  const from = Math.max(0, Math.floor(tree.scrollTop / height) - extra);
  const to = Math.min(lines.length, Math.ceil((tree.scrollTop + tree.clientHeight) / height) + extra);
  const wanted = new Set(lines.slice(from, to).map(l => l.path));
  for (const [path, e] of shownRows) {
    if (!wanted.has(path)) { shownRows.delete(path); e.remove(); spare.push(e); }
  }
  let before = null;
  for (let i = from; i < to; i++) {
    const path = lines[i].path;
    let e = shownRows.get(path);
    if (!e) {
      e = spare.pop() ?? el('div', {className: 'row', id: `row-${++rowID}`, role: 'treeitem'});
      shownRows.set(path, e);
    }
    e.style.transform = `translateY(${i * height}px)`;
    drawRow(e, lines[i]);
    const place = before ? before.nextSibling : $('rows').firstChild;
    if (place !== e) $('rows').insertBefore(e, place); // in order, for screen readers
    before = e;
  }
  const current = shownRows.get(active);
  if (current) tree.setAttribute('aria-activedescendant', current.id);
  else tree.removeAttribute('aria-activedescendant');
}

function drawRow(e, l) {
  const r = rows.get(l.path), below = kids.get(l.path)?.length ?? 0, open = below > 0 && lines[lineOf.get(l.path) + 1]?.level > l.level;
  const since = r.since ? coarse(now() - r.since) : '';
  const folded = below && !open ? censusText(l.path) : '';
  e.classList.toggle('active', l.path === active);
  e.setAttribute('aria-selected', String(l.path === chosen));
  const key = [r, l, open, since, folded];
  ifChanged(e, key, () => {
    e.dataset.path = l.path;
    e.setAttribute('aria-level', l.level);
    e.setAttribute('aria-posinset', l.pos);
    e.setAttribute('aria-setsize', l.size);
    if (below) e.setAttribute('aria-expanded', String(open));
    else e.removeAttribute('aria-expanded');
    const name = el('span', {className: 'name'}, el('span', {className: 'twist', ariaHidden: 'true'}, below ? (open ? '▾' : '▸') : ''), r.id);
    name.style.paddingLeft = `${(l.level - 1) * 18}px`;
    if (r.sup) name.append(srOnly(' supervisor '), el('span', {className: 'strategy'}, r.sup.strategy));
    const error = lastError(r), bad = r.exit === 'abnormal';
    const exit = folded || (bad ? error : r.exit ? r.exit + (r.error ? `: ${r.error}` : '') : '');
    e.replaceChildren(
      name,
      el('span', {className: 'state'}, el('span', {className: `badge ${tone[r.state] ?? ''}`}, r.state)),
      el('span', {className: 'since num'}, ...since ? [srOnly(' for '), since] : []),
      el('span', {className: 'incarnation num'}, ...r.incarnation ? [srOnly(' incarnation '), `#${r.incarnation}`] : []),
      el('span', {className: 'restarts num'}, ...restarts(r)),
      el('span', {className: `exit ${bad && !folded ? 'abnormal' : ''}`, title: exit}, ...exit ? [srOnly(folded ? ' children: ' : ' last exit '), exit] : []));
  });
}

/** srOnly is text for screen readers only. */
const srOnly = text => el('span', {className: 'sr-only'}, text);

/** restarts shows the number of restarts. For a supervisor, and for a child with a
 * budget of its own, it shows the used part of what is allowed. */
function restarts(r) {
  const w = r.sup?.window ?? r.budget, parts = [];
  if (w && w.limit >= 0) parts.push(meter(w), srOnly(' restarts '), `${w.used ?? 0}/${w.limit} in ${brief(w.within)}`);
  else if (w) parts.push(srOnly(' restarts '), 'unlimited');
  else if (r.restarts) parts.push(srOnly(' restarts '), `×${r.restarts}`);
  return parts;
}
function meter(w) {
  const used = w.used ?? 0, part = w.limit ? Math.min(1, used / w.limit) : used ? 1 : 0;
  const bar = el('i');
  bar.style.width = `${part * 100}%`;
  return el('span', {className: `meter ${part >= 1 ? 'bad' : part > 0.5 ? 'warn' : ''}`, ariaHidden: 'true'}, bar);
}
const brief = ms => ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1000}s`;
const windowText = w => w.limit < 0 ? 'unlimited restarts' : `${w.used ?? 0} of ${w.limit} restarts used within ${brief(w.within)}`;

function fold(path, open) {
  if (!kids.get(path)?.length) return;
  unfolded.set(path, open);
  drawTree();
}

function moveTo(i) {
  const l = lines[Math.max(0, Math.min(lines.length - 1, i))];
  if (!l) return;
  active = l.path;
  const height = rowHeight(), tree = $('tree'), y = lineOf.get(active) * height;
  if (y < tree.scrollTop) tree.scrollTop = y;
  else if (y + height > tree.scrollTop + tree.clientHeight) tree.scrollTop = y + height - tree.clientHeight;
  drawTree();
}

function choose(path) {
  chosen = path;
  if (path) {
    active = path;
    for (let p = rows.get(path)?.parent; p; p = rows.get(p)?.parent) if (!isOpen(p)) unfolded.set(p, true);
    answer('', false);
    $('child-goroutines').replaceChildren();
  }
  history.replaceState(null, '', path ? `#${encodeURIComponent(path)}` : location.pathname + location.search);
  drawAll();
}

/** goTo shows a child in the tree and in the panel. */
function goTo(path) {
  if (!rows.has(path)) return;
  tab('tree');
  choose(path);
  if (!lineOf.has(path)) { $('search').value = ''; $('only-failing').checked = false; list(); active = path; }
  moveTo(lineOf.get(path) ?? 0);
  $('child-path').focus();
}

$('tree').addEventListener('scroll', () => redraw());
$('tree').addEventListener('click', event => {
  const path = event.target.closest('.row')?.dataset.path;
  if (!path) return;
  active = path;
  if (event.target.closest('.twist')?.textContent) fold(path, !isOpen(path));
  else choose(path);
});
$('tree').addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const i = lineOf.get(active) ?? 0, l = lines[i], page = Math.max(1, Math.floor($('tree').clientHeight / rowHeight()) - 1);
  const open = lines[i + 1]?.level > l?.level;
  const keys = {
    ArrowDown: () => moveTo(i + 1), ArrowUp: () => moveTo(i - 1),
    PageDown: () => moveTo(i + page), PageUp: () => moveTo(i - page),
    Home: () => moveTo(0), End: () => moveTo(lines.length - 1),
    ArrowRight: () => open ? moveTo(i + 1) : fold(active, true),
    ArrowLeft: () => open ? fold(active, false) : moveTo(lineOf.get(rows.get(active)?.parent) ?? i),
    Enter: () => choose(active), ' ': () => choose(active),
    '/': () => $('search').focus(),
  };
  if (keys[event.key]) keys[event.key]();
  else if (event.key.length === 1) {
    const key = event.key.toLowerCase();
    const next = [...lines.slice(i + 1), ...lines.slice(0, i)].find(m => rows.get(m.path).id.toLowerCase().startsWith(key));
    if (!next) return;
    moveTo(lineOf.get(next.path));
  } else return;
  event.preventDefault();
});
for (const id of ['search', 'only-failing']) $(id).addEventListener('input', () => { $('tree').scrollTop = 0; redraw(); });

// ── Trouble ───────────────────────────────────────────────────────────────────

const maxTrouble = 20;

function drawTrouble() {
  const found = trouble();
  $('trouble').hidden = !rows.size;
  const bad = found.filter(f => f.bad > 1).length, recovered = found.length - bad;
  $('trouble').classList.toggle('bad', bad > 0);
  setText($('trouble-title'), (bad ? `Failing: ${count(bad)}` : 'No failures') + (recovered ? ` · recovered in the last minute: ${count(recovered)}` : ''));
  const entries = found.slice(0, maxTrouble).map(({r, bad}) => {
    const s = streaks.get(r.path);
    const parts = [];
    if (s && bad === 1) parts.push(`failed ${ago(s.last)}, at ${at(s.last)}`);
    else if (s) parts.push(`failing for ${coarse(now() - s.since)}, since ${at(s.since)}`, many(s.count, 'failure'), `the last ${ago(s.last)}`);
    else if (r.since) parts.push(`${r.state} for ${coarse(now() - r.since)}, since ${at(r.since)}`);
    return {path: r.path, state: r.state, why: lastError(r), when: parts.join(' · ')};
  });
  const before = found.length ? '' : lastFailure();
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

/** keepFocus restores the focus to the button of the same child or operation. */
function keepFocus(within, draw) {
  const named = e => e.dataset.path ?? e.dataset.op;
  const name = within.contains(document.activeElement) ? named(document.activeElement) : undefined;
  draw();
  if (name !== undefined) [...within.querySelectorAll('button')].find(e => named(e) === name)?.focus();
}

// ── One child ─────────────────────────────────────────────────────────────────

const maxExits = 50;
const hostExhausted = 'start failed: host out of descriptors, memory or processes';

function drawChild() {
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
  if (r.exit) facts.push(['Last exit', r.exit + (r.error ? `: ${r.error}` : ''), r.exit === 'abnormal' ? 'error' : '']);
  if (r.incarnation) facts.push(['Incarnation', `${r.incarnation}; ${many(r.restarts ?? 0, 'restart')}, ${many(r.failures ?? 0, 'failure')}`]);
  if (r.budget) facts.push(['Budget', windowText(r.budget) + '; then quarantine']);
  if (r.restart) facts.push(['Policy', r.restart + (r.significant ? ', significant' : '')]);
  if (r.sup) {
    facts.push(['Strategy', r.sup.strategy], ['Intensity', windowText(r.sup.window)]);
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
    if (e.kind === 'child ready') ready.set(e.incarnation, e.time);
    if (e.kind === 'child exited' || e.kind === 'supervisor failed' && r.path === top) {
      exits.push({e, lived: ready.has(e.incarnation) ? span(e.time - ready.get(e.incarnation)) : '', led: led.get(e.seq)});
    }
    const last = exits.at(-1);
    if (last && e.kind === 'child restarting') {
      if (e.delay) last.delay = e.delay;
      if (e.exhausted) last.exhausted = true;
    }
    if (last && ['child stopped', 'child quarantined'].includes(e.kind)) last.rest = e.kind.slice(6);
    if (last && e.kind === 'child starting') last.next = e.incarnation;
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

function answer(text, bad) {
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

async function request(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error((await response.text()).trim());
  return response;
}

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

// ── Events ────────────────────────────────────────────────────────────────────

const pageSize = 200;
let logSize = pageSize, held = null;

const isBad = e => ['child stuck', 'child quarantined', 'supervisor failed', 'observer panicked'].includes(e.kind) || e.kind === 'child exited' && e.exit === 'abnormal';
const kinds = {
  all: () => true, bad: isBad,
  exits: e => ['child exited', 'child restarting', 'child stopped', 'child removed'].includes(e.kind) || isBad(e),
  supervisors: e => e.kind.startsWith('supervisor'),
};

function drawLog() {
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
    return el('tr', {className: isBad(e) || e.exhausted ? 'bad' : e.kind === 'child restarting' ? 'warn' : ''},
      el('td', {className: 'time'}, at(e.time, precise)), el('td', {}, e.kind), el('td', {className: 'path'}, rows.has(e.path) ? go : visible(e.path)),
      el('td', {className: 'num'}, e.incarnation ? `#${e.incarnation}` : ''), el('td', {}, what));
  }))));
}

for (const id of ['log-part', 'log-kinds']) $(id).addEventListener('input', () => { logSize = pageSize; drawLog(); });
$('log-pause').addEventListener('input', () => { held = $('log-pause').checked ? [...log] : null; drawLog(); });
$('log-more').addEventListener('click', () => { logSize += pageSize; drawLog(); });

// ── State ─────────────────────────────────────────────────────────────────────

let watching = null, stateShown = null, changes = new Map(), loads = 0;

/** showContexts lists the contexts of the handler. */
function showContexts() {
  $('tab-state').hidden = !session.contexts.length;
  ifChanged($('state-name'), session.contexts, () => $('state-name').replaceChildren(...session.contexts.map(name => el('option', {value: name}, name))));
}

/** loadState lists the keys of a context, and watches it while the tab is open. */
async function loadState() {
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

function drawState() {
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

// ── Tabs and drawing ──────────────────────────────────────────────────────────

const tabs = ['tree', 'events', 'state'];

function tab(name) {
  for (const t of tabs) {
    const on = t === name;
    $(`tab-${t}`).setAttribute('aria-selected', String(on));
    $(`tab-${t}`).tabIndex = on ? 0 : -1;
    $(`view-${t}`).hidden = !on;
  }
  drawAll();
  loadState();
}
for (const t of tabs) $(`tab-${t}`).addEventListener('click', () => tab(t));
$('tabs').addEventListener('keydown', event => {
  const shown = tabs.filter(t => !$(`tab-${t}`).hidden), i = shown.findIndex(t => $(`tab-${t}`).getAttribute('aria-selected') === 'true');
  const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!step) return;
  const next = shown[(i + step + shown.length) % shown.length];
  tab(next);
  $(`tab-${next}`).focus();
});

function drawHead() {
  const r = rows.get(top);
  if (!r) return;
  setText($('title'), r.id);
  const bad = trouble().filter(f => f.bad > 1).length;
  document.title = (bad ? `(${bad}) ` : '') + r.id;
  const states = [r.state === 'running' ? `up ${coarse(now() - r.since)}` : r.state, many(rows.size - 1, 'child'), censusText(null)].filter(Boolean).join(' · ');
  setText($('states'), states);
}

function drawAll() {
  drawHead();
  drawTrouble();
  if (!$('view-tree').hidden) { drawTree(); drawChild(); }
  drawLog();
  drawState();
}

let pending = false;
/** redraw draws everything once before the next frame, however often it is called. */
function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; drawAll(); });
}

chosen = decodeURIComponent(location.hash.slice(1));
setInterval(redraw, 1000); // for relative times
addEventListener('resize', () => { $('trouble-list').style.minHeight = ''; redraw(); });
connect();
