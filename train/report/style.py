"""The style sheet of evidence: the page adds it to its own, the report has it to itself."""

BOARD_CSS = """
.t-board { display:grid; gap:.3rem; }
.t-board .t-charts { margin-top:.6rem; align-items:start;
  grid-template-columns:repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.t-board .t-charts .t-charts { display:contents; }
.t-chart .t-strong { font-weight:700; fill:var(--t-ink); }
.t-chart .t-zero { stroke:var(--t-soft); stroke-width:1.5; }
.t-chart .t-range { stroke:var(--t-soft); stroke-width:2; }
.t-chart .t-mid { fill:var(--t-soft); }
.t-chart [data-way=up] .t-range { stroke:var(--t-up); }
.t-chart [data-way=up] .t-mid, .t-chart circle[data-way=up] { fill:var(--t-up); }
.t-chart [data-way=down] .t-range { stroke:var(--t-down); }
.t-chart [data-way=down] .t-mid, .t-chart circle[data-way=down] { fill:var(--t-down); }
.t-chart circle[data-way] { fill-opacity:.55; stroke:var(--t-card); stroke-width:1; }
.t-chart circle[data-way=same] { fill:var(--t-soft); }
.t-series polyline { fill:none; stroke:var(--t-soft); stroke-width:2.5; }
.t-series circle { fill:var(--t-soft); }
.t-series[data-line="1"] polyline { stroke:var(--t-accent); }
.t-series[data-line="1"] circle, .t-series[data-line="1"] text { fill:var(--t-accent); }
.t-fold summary { cursor:pointer; font-size:.9rem; color:var(--t-soft); padding:.3rem 0; }
.t-hide { display:none !important; }
#board-acts { align-items:flex-end; gap:.5rem; }
#board-acts > * { flex:0 1 auto; min-width:7rem; width:auto; }
#blind-votes button { min-width:8rem; }
.t-two { display:grid; gap:1rem;
  grid-template-columns:repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
.t .t-table .t-q { white-space:normal; min-width:12rem; text-align:left !important; }
@media (max-width:480px) { .t.t-board .t-table thead th { white-space:normal; }
  .t.t-board .t-table :is(th, td) { padding:.35rem .25rem; font-size:.85rem; } }
.t-why { display:grid; gap:.5rem; }
.t-why h3, .t-board h3 { margin:.6rem 0 0; font-size:1rem; font-weight:700; }
.t-why dl { margin:0; display:grid; gap:.2rem 1rem; grid-template-columns:auto 1fr; }
.t-why dt { color:var(--t-soft); } .t-why dd { margin:0; }
"""

REPORT_CSS = """
:root { --t-ink:#0f172a; --t-soft:#475569; --t-line:#d7dee8; --t-card:#fff; --t-tint:#f4f7fb;
  --t-accent:#1d4ed8; --t-up:#14683b; --t-down:#a3231f; }
@media screen and (prefers-color-scheme:dark) { :root { color-scheme:dark; --t-ink:#f1f5f9;
  --t-soft:#b6c2d2; --t-line:#334155; --t-card:#172033; --t-tint:#111a2b; --t-accent:#8db4ff;
  --t-up:#8fe3b4; --t-down:#ffb4ae; } body { background:#0b1220; } }
@page { size:A4; margin:14mm; }
* { box-sizing:border-box; print-color-adjust:exact; -webkit-print-color-adjust:exact; }
body { font:15px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif; color:var(--t-ink);
  max-width:60rem; margin:0 auto; padding:1rem; overflow-wrap:anywhere; }
h1 { font-size:1.5rem; margin:0; } p { margin:.2rem 0; }
.t-soft, .t-key, .t-chart p { color:var(--t-soft); } .t-key, .t-chart p { font-size:.85rem; }
.t-key span { margin-right:1rem; }
.t-say { font-size:1.25rem; font-weight:700; }
.t-say[data-mood=up], [data-way=up] { color:var(--t-up); }
.t-say[data-mood=down], [data-way=down] { color:var(--t-down); }
.t-wins { display:flex; height:1rem; border-radius:.4rem; overflow:hidden; margin:.3rem 0; }
.t-wins i[data-way=up] { background:#2a9461; } .t-wins i[data-way=down] { background:#d1544d; }
.t-wins i[data-way=same] { background:var(--t-line); }
.t-scroll { overflow-x:auto; }
.t-table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums; }
.t-table :is(th, td) { text-align:right; padding:.25rem .5rem; white-space:nowrap;
  border-bottom:1px solid var(--t-line); }
.t-table tr > :first-child { text-align:left; }
.t-table .t-q, .t-made td { white-space:normal; text-align:left; }
.t-made th { vertical-align:top; }
.t-table tr[data-primary] > * { font-weight:700; background:var(--t-tint); }
.t-charts { display:grid; gap:.7rem; }
.t-chart { margin:0; border:1px solid var(--t-line); border-radius:.6rem; padding:.6rem .8rem;
  background:var(--t-card); break-inside:avoid; }
.t-chart figcaption { font-weight:700; font-size:.9rem; }
.t-chart svg { width:100%; height:auto; display:block; }
.t-chart text { fill:var(--t-soft); font-size:13px; }
.t-chart .t-grid { stroke:var(--t-line); }
.t-chart .t-level { stroke:var(--t-soft); stroke-width:1.5; stroke-dasharray:5 4; }
.t-chart .t-curve-line { fill:none; stroke:var(--t-accent); stroke-width:2.5; }
.t-chart .t-dot { fill:var(--t-accent); }
h3, tr { break-after:avoid; } tr { break-inside:avoid; }
@media (max-width:640px) { .t-wide { display:none; } }
@media print { body { max-width:none; padding:0; font-size:10.5pt; } }
"""
