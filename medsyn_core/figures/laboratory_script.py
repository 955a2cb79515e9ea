"""What runs in the page when a reader moves something in the loss laboratory, and how it looks.

Both work on the figure that they stand in, so that several can stand on a page: no ids, no names outside.
"""

CHANGED = """
const t = event.target, f = this, all = (where, what) => [...where.querySelectorAll(what)];
const bench = t.closest('[data-bench]');
if (!bench) {
  all(f, '[data-bench]').forEach((e, k) => { e.hidden = k !== t.selectedIndex });
  return;
}
const pick = bench.querySelector('[data-pick]'), rows = JSON.parse(bench.dataset.rows);
const terms = all(bench, '[data-weight]').map(e => e.closest('tr'));
const parts = tr => [tr.querySelector('[type=checkbox]'), tr.querySelector('[type=number]')];
let row = +pick.value;
if (t === pick) terms.forEach((tr, i) => {
  const [tick, weight] = parts(tr), w = rows[row].weights[i];
  tick.checked = w !== 0;
  weight.value = w || tr.dataset.usual;
});
const now = terms.map(tr => { const [tick, weight] = parts(tr); return tick.checked ? +weight.value : 0 });
const differs = r => now.map((w, i) => [w, r.weights[i], i]).filter(([a, b]) => Math.abs(a - b) > 1e-9);
const same = rows.map((r, k) => k).filter(k => !differs(rows[k]).length);
if (t !== pick && !same.includes(row)) row = [...same.filter(k => rows[k].seeds), ...same, -1][0];
pick.value = row;
terms.forEach((tr, i) => {
  const [tick, weight] = parts(tr);
  weight.disabled = !tick.checked;
  tr.classList.toggle('edited', Math.abs(now[i] - rows[0].weights[i]) > 1e-9);
});
all(bench, '[data-panel]').forEach(e => { e.hidden = +e.dataset.panel !== row });
all(bench, '.chart').forEach(e => {
  let text = row < 0 ? 'not recorded' : rows[row].seeds ? 'off' : 'not yet recorded';
  all(e, '[data-row]').forEach(p => {
    const on = +p.dataset.row === row;
    p.setAttribute('display', on ? 'inline' : 'none');
    if (on) text = p.dataset.said;
  });
  e.querySelector('.said').textContent = text;
  e.querySelector('svg').setAttribute('aria-label', e.dataset.term + ': ' + text);
});
const say = bench.querySelector('output'), names = all(bench, '[data-weight]').map(e => e.dataset.weight);
say.textContent = row < 0 ? 'No row of the plan has these weights, so there is nothing to show.' : rows[row].line;
const kept = rows.map((r, k) => k).filter(k => rows[k].seeds);
if (kept.length && (row < 0 || !rows[row].seeds)) {
  say.append(' Nearest recorded: ');
  const far = r => differs(r).map(([a, b]) => 1 + Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b)));
  const cost = rows.map(r => far(r).reduce((a, b) => a + b, 0));
  const first = kept.filter(k => kept.find(j => rows[j].weights + '' === rows[k].weights + '') === k);
  first.sort((a, b) => cost[a] - cost[b]).slice(0, 3).forEach(k => {
    const b = document.createElement('button');
    b.type = 'button';
    b.dataset.jump = k;
    const off = differs(rows[k]).map(([x, y, i]) => names[i] + ' ' + y).join(', ') || 'these weights, other settings';
    b.textContent = rows[k].title + ' (' + off + ')';
    say.append(b, ' ');
  });
}
"""
"""For the figure's `onchange`: a method, a row, a tick or a weight was changed."""

CLICKED = """
const b = event.target.closest('[data-jump]');
if (b) {
  const pick = b.closest('[data-bench]').querySelector('[data-pick]');
  pick.value = b.dataset.jump;
  pick.dispatchEvent(new Event('change', { bubbles: true }));
  pick.focus();
}
"""
"""For the figure's `onclick`: one of the nearest rows was asked for."""

LOOK = """
figure.medsyn.laboratory .lab{background:#fff;color:#222;color-scheme:light;border:1px solid #d5dae0;border-radius:6px;
padding:.8em;box-sizing:border-box}
figure.medsyn.laboratory label{display:flex;flex-wrap:wrap;gap:.2em .5em;align-items:center;margin:.2em 0 .6em}
figure.medsyn.laboratory select{font:inherit;max-width:100%;min-width:0}
figure.medsyn.laboratory p.title{font-size:1em;font-weight:600;margin:1em 0 .3em;color:#222}
figure.medsyn.laboratory p{margin:.3em 0;color:#222}
figure.medsyn.laboratory .wide{overflow-x:auto}
figure.medsyn.laboratory table{display:table;width:auto;max-width:none;border-collapse:collapse;margin:0;color:#222;
background:#fff;font-size:.9em}
figure.medsyn.laboratory th,figure.medsyn.laboratory td{padding:.15em .6em .15em 0;text-align:left;white-space:nowrap;
color:#222;background:#fff;border:0;border-bottom:1px solid #e8ebee}
figure.medsyn.laboratory .scores td:first-child{white-space:normal;min-width:6em}
figure.medsyn.laboratory tr.edited td{background:#fff3d6}
figure.medsyn.laboratory input[type=number]{width:5.5em;font:inherit}
figure.medsyn.laboratory output{display:block;margin:.5em 0;min-height:1.6em;color:#222}
figure.medsyn.laboratory button{font:inherit;font-size:.9em;margin:.15em 0;text-align:left;cursor:pointer;color:#222;
background:#eef1f4;border:1px solid #b8c0c8;border-radius:4px}
figure.medsyn.laboratory .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5em,1fr));gap:.6em}
figure.medsyn.laboratory .chart{font-size:.8em;line-height:1.35;min-width:0}
figure.medsyn.laboratory .chart b,figure.medsyn.laboratory .chart span{display:block;overflow-wrap:anywhere}
figure.medsyn.laboratory .chart svg{display:block;width:100%;border:1px solid #e3e6ea;border-width:0 0 1px 1px}
figure.medsyn.laboratory .chart .range{color:#5f6670}
figure.medsyn.laboratory .strip{display:grid;grid-template-columns:5em 1fr;gap:.2em .5em;align-items:center;
max-width:44em;font-size:.85em;margin:0 0 .25em}
figure.medsyn.laboratory .strip img{width:100%;image-rendering:pixelated;border-radius:3px;padding:0}
figure.medsyn.laboratory .heads{display:flex;justify-content:space-around;text-align:center}
figure.medsyn.laboratory :focus-visible{outline:2px solid #0072b2;outline-offset:1px}
figure.medsyn.laboratory code{color:#222;background:#f2f4f6;border:0}
figure.medsyn.laboratory small{display:block;color:#444;line-height:1.4}
figure.medsyn.laboratory [hidden]{display:none}
"""
"""Rules for this figure alone; the card stays white in both themes, like every picture of the book."""
