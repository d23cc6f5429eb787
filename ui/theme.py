"""Colours, fonts and css: the system's own fonts, nothing fetched, both schemes."""

import gradio as gr

from train.report.templates import stylesheet

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
SLOTS = 100
"""How many passages can be tied across the two columns; more than two lists of 50 never are."""


def theme() -> gr.themes.Base:
    """Gradio's base theme with our accent: a blue dark enough for white letters."""
    return gr.themes.Base(primary_hue="blue", neutral_hue="slate", font=FONTS, font_mono=MONO).set(
        button_primary_background_fill="#1d4ed8",
        button_primary_background_fill_hover="#1e40af",
        button_primary_background_fill_dark="#1d4ed8",
        button_primary_background_fill_hover_dark="#1e40af",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        block_label_text_color="#334155",
        block_label_text_color_dark="#cbd5e1",
        block_info_text_color="#475569",
        block_info_text_color_dark="#cbd5e1",
        input_placeholder_color="#64748b",
        input_placeholder_color_dark="#94a3b8",
    )


def css() -> str:
    """The page's style sheet."""
    tied = ",".join(
        f'.t-pair:has([data-slot="{slot}"]:is(:hover,:focus-within)) [data-slot="{slot}"]'
        for slot in range(SLOTS)
    )
    lit = "{outline:2px solid var(--t-accent);outline-offset:1px;opacity:1}"
    return f"{CSS}{stylesheet('style.css')}\n{tied}{lit}"


CSS = """
:root { --t-ink:#0f172a; --t-soft:#475569; --t-line:#d7dee8; --t-card:#ffffff; --t-tint:#f4f7fb;
  --t-accent:#1d4ed8; --t-bar:#93b4f5; --t-up:#14683b; --t-up-bg:#dcf5e6; --t-down:#a3231f;
  --t-down-bg:#fde5e3; --t-gold:#b7791f; --t-gold-ink:#6b4408; --t-gold-bg:#fdf1d3;
  --t-mark:#fff0a8; --t-near:#1d4ed8; }
.dark { --t-ink:#f1f5f9; --t-soft:#b6c2d2; --t-line:#334155; --t-card:#172033; --t-tint:#111a2b;
  --t-accent:#8db4ff; --t-bar:#3d63b8; --t-up:#8fe3b4; --t-up-bg:#123a28; --t-down:#ffb4ae;
  --t-down-bg:#4a1d1d; --t-gold:#e0a83a; --t-gold-ink:#ffdf9a; --t-gold-bg:#43310d;
  --t-mark:#6a5510; --t-near:#8db4ff; }
.gradio-container { max-width:1320px !important; }
.gradio-container .main.app { padding-inline:clamp(0rem, 2vw, 2rem) !important; }
.gradio-container main.contain { padding-inline:clamp(.8rem, 2.5vw, 2rem) !important; }
.html-container:has(.t) { padding:0 !important; }
.t { color:var(--t-ink); line-height:1.5; overflow-wrap:anywhere; }
.t h1 { font-size:clamp(1.5rem, 4vw, 2rem); font-weight:700; margin:0; letter-spacing:-.02em; }
.t h2 { font-size:1.05rem; font-weight:700; margin:0; }
.t p { margin:0; }
.t-soft { color:var(--t-soft); }
.t-head { display:flex; flex-wrap:wrap; align-items:baseline; gap:.2rem 1rem; }

.t-state { border:1px solid var(--t-line); border-radius:.7rem; background:var(--t-tint);
  padding:.6rem .9rem; display:grid; gap:.35rem; }
.t-state[data-kind=ready] { border:0; background:none; padding:0 0 0 .1rem; }
.t-state[data-kind=failed] { border-color:var(--t-down); }
.t-state strong { font-weight:700; }
.t-state progress { width:100%; height:.55rem; appearance:none; border:0; border-radius:.3rem;
  background:var(--t-line); overflow:hidden; }
.t-state progress::-webkit-progress-bar { background:var(--t-line); }
.t-state progress::-webkit-progress-value { background:var(--t-accent); }
.t-state progress::-moz-progress-bar { background:var(--t-accent); }
.t-curve { display:flex; flex-wrap:wrap; gap:.2rem 1rem; font-size:.9rem; }

.t-say { font-size:clamp(1.1rem, 2.4vw, 1.4rem); font-weight:700; letter-spacing:-.01em;
  padding:.2rem 0 .1rem; }
.t-say[data-mood=up] { color:var(--t-up); }
.t-say[data-mood=down] { color:var(--t-down); }
.t-pair { display:grid; gap:.5rem 0; margin-top:.6rem;
  grid-template-columns:minmax(0,1fr) 4.5rem minmax(0,1fr);
  grid-template-areas:"hb . ht" "lb ln lt" "ab . at"; }
.t-pair[data-third] { grid-template-columns:minmax(0,1fr) 3.5rem minmax(0,1fr) 1rem minmax(0,.8fr);
  grid-template-areas:"hb . ht . hx" "lb ln lt . lx" "ab . at . ax"; }
.t-side { display:flex; flex-wrap:wrap; justify-content:space-between; gap:0 .8rem;
  align-items:baseline; border-bottom:3px solid var(--t-line); padding-bottom:.25rem; }
.t-side[data-side=tuned] { border-color:var(--t-accent); }
.t-list { list-style:none; margin:0 !important; padding:0 !important; display:grid; gap:.5rem;
  grid-auto-rows:1fr; }
.t-list > li { margin:0 !important; padding:0 !important; min-width:0; }
.t-pair:has(details[open]) .t-list { grid-auto-rows:auto; align-content:start; }
.t-pair:has(details[open]) .t-lines { visibility:hidden; }
.t-card { border:1px solid var(--t-line); border-radius:.7rem; background:var(--t-card);
  padding:.55rem .75rem; height:100%; box-sizing:border-box; min-width:0; }
.t-card[data-answer] { border-color:var(--t-gold); box-shadow:inset 5px 0 0 var(--t-gold);
  padding-left:1rem; }
.t-card[data-target] { animation:t-flash 1.6s ease-out; }
@keyframes t-flash { from { background:var(--t-mark); } }
@media (prefers-reduced-motion:reduce) { .t-card[data-target] { animation:none; } }
.t-top { display:flex; align-items:baseline; gap:.5rem; min-width:0; }
.t-rank { font-weight:700; font-variant-numeric:tabular-nums; color:var(--t-soft);
  min-width:1.2em; }
.t-title { font-weight:700; flex:1 1 auto; min-width:0; }
.t-chip { border:0; border-radius:1rem; padding:.12rem .6rem; font-size:.85rem; font-weight:700;
  white-space:nowrap; font-family:inherit; background:var(--t-tint); color:var(--t-soft); }
button.t-chip { cursor:pointer; min-height:1.6rem; }
button.t-chip:hover { text-decoration:underline; }
.t-chip[data-way=up] { background:var(--t-up-bg); color:var(--t-up); }
.t-chip[data-way=down] { background:var(--t-down-bg); color:var(--t-down); }
.t-star { background:var(--t-gold-bg); color:var(--t-gold-ink); }
.t-score { display:flex; align-items:center; gap:.5rem; margin:.25rem 0 .3rem;
  font-size:.8rem; font-variant-numeric:tabular-nums; color:var(--t-soft); }
.t-bar { flex:1; height:.4rem; border-radius:.2rem; background:var(--t-tint); overflow:hidden; }
.t-bar > i { display:block; height:100%; background:var(--t-bar); border-radius:.2rem; }
.t-card[data-answer] .t-bar > i { background:var(--t-gold); }
.t-card summary { list-style:none; cursor:pointer; }
.t-card summary::-webkit-details-marker { display:none; }
.t-text { display:-webkit-box; -webkit-box-orient:vertical; -webkit-line-clamp:3; overflow:hidden;
  font-size:.95rem; }
details[open] .t-text { display:block; }
.t mark { background:var(--t-mark); color:inherit; border-radius:.2rem; padding:0 .1em; }
.t-near { text-decoration:underline; text-decoration-color:var(--t-near);
  text-decoration-thickness:2px; text-underline-offset:3px; }
.t-lines { width:100%; height:100%; overflow:visible; }
.t-lines path { fill:none; stroke:var(--t-line); stroke-width:1.5;
  vector-effect:non-scaling-stroke; }
.t-lines path[data-way=up] { stroke:var(--t-up); stroke-width:2; }
.t-lines path[data-way=down] { stroke:var(--t-down); stroke-width:2; }
.t-lines path[data-answer] { stroke:var(--t-gold); stroke-width:4; }
.t-lines path[data-slot] { outline:0 !important; }
.t-below { display:grid; gap:.3rem; align-content:start; }
.t-below > p { font-size:.9rem; }
.t-empty { border:1px dashed var(--t-line); border-radius:.7rem; padding:1.2rem; text-align:center;
  color:var(--t-soft); }
.t-error { border:1px solid var(--t-down); border-radius:.7rem; background:var(--t-down-bg);
  color:var(--t-down); padding:.8rem 1rem; }
.t-key { display:flex; flex-wrap:wrap; gap:.2rem 1.2rem; font-size:.85rem; color:var(--t-soft);
  margin-top:.7rem; }
.t-key mark { background:var(--t-mark); color:var(--t-ink); border-radius:.2rem; padding:0 .2em; }

.t-scroll { overflow-x:auto; }
.t-table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums;
  margin-top:.8rem !important; }
.t .t-table, .t .t-table :is(tr, th, td) { border:0; }
.t .t-table :is(th, td) { text-align:right; padding:.4rem .7rem; white-space:nowrap;
  border-bottom:1px solid var(--t-line); }
.t .t-table tr > :first-child { text-align:left !important; }
.t-table thead th { color:var(--t-soft); font-size:.85rem; }
.t-table tr[data-primary] th, .t-table tr[data-primary] td { font-weight:700;
  background:var(--t-tint); }
.t-table [data-way=up] { color:var(--t-up); }
.t-table [data-way=down] { color:var(--t-down); }
.t-before { display:grid; gap:.4rem; }
.t-before summary { cursor:pointer; color:var(--t-accent); }
:is(.t-before, .t-check) a { color:var(--t-accent) !important; text-decoration:underline; }
.t-before ul, .t-notes { margin:.2rem 0 !important; padding-left:1.2rem !important; }
.t-found { display:grid; gap:.4rem; }
.t-preview { border-collapse:collapse; width:max-content; min-width:100%; font-size:.85rem; }
.t .t-preview, .t .t-preview :is(tr, th, td) { border:0; }
.t .t-preview :is(th, td) { text-align:left; vertical-align:top; padding:.3rem .6rem;
  min-width:6rem; max-width:18rem; border-bottom:1px solid var(--t-line); }
.t .t-preview th { white-space:nowrap; color:var(--t-soft); position:sticky; top:0;
  background:var(--t-tint); }
.t-found .t-scroll { border:1px solid var(--t-line); border-radius:.7rem; max-height:20rem;
  overflow:auto; }
.t-found .t-scroll:focus-visible { outline:2px solid var(--t-accent); }
.t-treated { color:var(--t-soft); font-size:.85rem; }
.t-treated::before { content:"→ "; }
#bring, #columns, #working, #data-after button { display:none; }
.gradio-container:has(#check [data-own=True] progress) #check-stop,
.gradio-container:has(#check [data-own] :is(.t-error, .t-empty)) #check-again,
.gradio-container:has(#check [data-own=True] .t-check) #data-compare { display:inline-flex; }
.gradio-container:has(#data-source input[value=own]:checked) #bring { display:flex; }
#bring:has(.t-found[data-kind=pairs]) #columns, #working:has(progress) { display:flex; }
#working, #data-after, #columns-pair { align-items:center; gap:.6rem; }
#bring .or, #bring input[role=combobox] { color:var(--t-ink) !important; }
#columns-pair button { align-self:end; margin-bottom:.6rem; }
#data-after button { flex:0 1 auto; min-width:9rem; }
.t-wins { display:flex; height:1.1rem; border-radius:.4rem; overflow:hidden; margin:.3rem 0; }
.t-wins i[data-way=up] { background:#2a9461; } .t-wins i[data-way=down] { background:#d1544d; }
.t-wins i[data-way=same] { background:var(--t-line); }
.t-run, .t-check { display:grid; gap:.7rem; }
.t-runhead { display:flex; flex-wrap:wrap; align-items:center; gap:.2rem .7rem; }
.t-status { border:1px solid var(--t-line); }
.t-status[data-kind=ready] { background:var(--t-up-bg); color:var(--t-up);
  border-color:transparent; }
.t-status[data-kind=failed] { background:var(--t-down-bg); color:var(--t-down);
  border-color:transparent; }
.t-facts { display:grid; gap:.6rem 1rem;
  grid-template-columns:repeat(auto-fit, minmax(8.5rem, 1fr));
  margin:0; border:1px solid var(--t-line); border-radius:.7rem; padding:.7rem .9rem;
  background:var(--t-card); }
.t-facts dt { color:var(--t-soft); font-size:.8rem; }
.t-facts dd { margin:0; font-weight:700; font-variant-numeric:tabular-nums; }
.t-charts { display:grid; gap:.7rem; grid-template-columns:repeat(auto-fit, minmax(16rem, 1fr)); }
.t-chart { margin:0; border:1px solid var(--t-line); border-radius:.7rem; background:var(--t-card);
  padding:.6rem .8rem .5rem; min-width:0; }
.t-chart figcaption { font-weight:700; font-size:.9rem; }
.t-chart svg { width:100%; height:auto; display:block; }
.t-chart text { fill:var(--t-soft); font-size:13px; font-variant-numeric:tabular-nums; }
.t-chart .t-grid { stroke:var(--t-line); stroke-width:1; }
.t-chart .t-level { stroke:var(--t-soft); stroke-width:1.5; stroke-dasharray:5 4; }
.t-chart .t-curve-line { fill:none; stroke:var(--t-accent); stroke-width:2.5;
  stroke-linejoin:round; }
.t-chart .t-dot { fill:var(--t-accent); }
.t-chart p { font-size:.85rem; }
.t-log summary { cursor:pointer; color:var(--t-soft); font-size:.9rem; }
.t-log ul { margin:.3rem 0 0 !important; padding:0 0 0 1.1rem !important; font-size:.85rem; }
.t-findings { list-style:none !important; margin:0 !important; padding:0 !important; display:grid;
  gap:.35rem; }
.t-findings > li { margin:0 !important; }
.t-findings summary { cursor:pointer; }
.t-findings details > :not(summary) { margin-left:1.1rem; font-size:.9rem; }
.t-chip[data-severity=error] { background:var(--t-down-bg); color:var(--t-down); }
.t-chip[data-severity=warning] { background:var(--t-gold-bg); color:var(--t-gold-ink); }
.t-empty[aria-busy=true] { animation:t-wait 1.6s ease-in-out infinite alternate; }
@keyframes t-wait { from { opacity:1; } to { opacity:.55; } }
@media (prefers-reduced-motion:reduce) { .t-empty[aria-busy=true] { animation:none; } }
#finetune { align-items:flex-start; gap:2rem; }
#finetune h3 { margin:.5rem 0 .1rem; font-size:1.05rem; }
#recipe .wrap { flex-direction:column; align-items:stretch; }
#head-row, #chosen-row, #runs-sure { align-items:center; }
#chosen-row { border:1px solid var(--t-accent); border-radius:.7rem; padding:.3rem .8rem; }
#run-acts, #runs-acts { gap:.5rem; }
#run-acts button, #runs-acts button { flex:0 1 auto; min-width:8rem; }
#run-stop, #runs-sure button.stop { background:var(--t-down-bg); color:var(--t-down); }
#runs-sure { border:1px solid var(--t-down); border-radius:.7rem; padding:.5rem .9rem; }
#runs :is(th, td, span, input) { font-family:var(--font); }
.t-run .t-say { font-size:1.1rem; }
.t-good { border:1px solid var(--t-up); border-radius:.7rem; background:var(--t-up-bg);
  color:var(--t-up); padding:.7rem 1rem; }
.t-good a { color:inherit; text-decoration:underline; }
.t-published { display:grid; gap:.4rem; }
.t-diff { overflow-x:auto; font-size:.8rem; max-height:20rem; border:1px solid var(--t-line);
  border-radius:.7rem; padding:.6rem .8rem; background:var(--t-tint); }
.t-diff [data-way=up] { color:var(--t-up); } .t-diff [data-way=down] { color:var(--t-down); }
.t-seen { position:absolute; width:1px; height:1px; overflow:hidden; clip-path:inset(50%); }
#state-row, #ask-row { align-items:center; gap:.6rem; }
#state-row button, #ask-row button { align-self:center; height:auto; min-height:2.6rem; }
#questions :is(th, td, span, input) { font-family:var(--font); }
#examples { gap:.4rem; justify-content:flex-start; }
#examples button.t-choose { background:var(--t-card); border:1.5px solid var(--t-accent);
  color:var(--t-accent); font-weight:700; }
#examples button { flex:0 1 auto; min-width:0; white-space:normal; text-align:left; }

@media (max-width:820px) {
  #state-row, #ask-row, #finetune { flex-direction:column; align-items:stretch; }
  #state-row > *, #ask-row > *, #finetune > * { width:100%; }
  .t-pair, .t-pair[data-third] { grid-template-columns:minmax(0,1fr);
    grid-template-areas:"hb" "lb" "ab" "ht" "lt" "at" "hx" "lx" "ax"; }
  .t-lines { display:none; }
  .tab-container button { padding-inline:.45rem; font-size:.9rem; }
  .t-list { grid-auto-rows:auto; }
  .t-side { margin-top:.5rem; position:sticky; top:0; z-index:2; padding-top:.3rem;
    background:var(--body-background-fill); }
  .t .t-table :is(th, td) { padding:.35rem .4rem; font-size:.9rem; }
  .t-table .t-wide { display:none; }
}
"""
