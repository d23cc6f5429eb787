"""The style sheet of evidence: the page adds it to its own, the report has it to itself."""

BOARD_CSS = """
.t-board { display:grid; gap:.3rem; }
.t-board .t-charts { margin-top:.6rem; align-items:start;
  grid-template-columns:repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
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
.t-why { display:grid; gap:.5rem; }
.t-why h3, .t-board h3 { margin:.6rem 0 0; font-size:1rem; font-weight:700; }
.t-why dl { margin:0; display:grid; gap:.2rem 1rem; grid-template-columns:auto 1fr; }
.t-why dt { color:var(--t-soft); } .t-why dd { margin:0; }
"""
