"""How the page looks: black on white, for a screen and for A4. Digests break; a table's head is on every sheet."""

from __future__ import annotations

from typing import Final

STYLE: Final = """\
:root { color-scheme: light; --ink: #14181d; --faint: #59636e; --line: #c9d0d8; --soft: #f4f6f8; --deep: #0b3d66; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #fff; color: var(--ink);
  font: 15px/1.5 "Segoe UI", "Noto Sans", "DejaVu Sans", Roboto, Arial, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 1.4em 0 .45em; break-after: avoid; }
h1 { font-size: 1.9rem; margin: .2rem 0 1.2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.4rem; color: var(--deep); border-bottom: 2px solid var(--deep); padding-bottom: .25rem;
  margin-top: 3rem; }
h3 { font-size: 1.12rem; }
h4 { font-size: 1.12rem; margin: 0 0 .4rem; }
h5 { font-size: .98rem; color: var(--deep); margin: 1.2rem 0 .3rem; }
h6 { font-size: .74rem; letter-spacing: .06em; text-transform: uppercase; color: var(--faint); margin: .8rem 0 .25rem; }
p { margin: .35rem 0; }
a { color: var(--deep); }
a.seq { font-variant-numeric: tabular-nums; font-size: .82em; color: var(--faint); text-decoration: none; }
a.seq::before { content: "line "; }
td > a.seq::before { content: ""; }
.kicker { color: var(--faint); letter-spacing: .08em; text-transform: uppercase; font-size: .76rem; margin: 0; }
nav ol { columns: 2; padding-left: 1.3rem; }
code, pre { font-family: "DejaVu Sans Mono", "Noto Sans Mono", Consolas, Menlo, monospace; }
code { font-size: .86em; overflow-wrap: anywhere; }
code.digest { font-size: .74em; color: var(--faint); word-break: break-all; }
pre { margin: .2rem 0; padding: .5rem .7rem; background: var(--soft); border: 1px solid var(--line);
  border-radius: 3px; font-size: .8rem; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 .9rem; font-size: .9em; }
th, td { border: 1px solid var(--line); padding: .3rem .5rem; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; min-width: 6em; }
table.facts td, table.listing td, td:has(> a.seq:only-child) { min-width: 0; }
thead { display: table-header-group; }
thead th { background: var(--soft); font-size: .82em; color: var(--faint); font-weight: 600; }
tr { break-inside: avoid; }
time { white-space: nowrap;  font-variant-numeric: tabular-nums; }
table.facts { border: 0; }
table.facts th { width: 12.5rem; border: 0; border-bottom: 1px solid #e7ebef; color: var(--faint); font-weight: 500;
  padding-left: 0; }
table.facts td { border: 0; border-bottom: 1px solid #e7ebef; }
.verdict { border: 2px solid #1a7f37; border-left-width: 10px; border-radius: 4px; padding: .6rem 1rem;
  margin: 1.2rem 0; break-inside: avoid; }
.verdict.unsigned { border-color: #9a6700; }
.verdict.broken { border-color: #cf222e; background: #fff0f0; }
.verdict p:first-child { font-size: 1.08rem; margin-top: 0; }
article.action { border: 1px solid var(--line); border-top: 4px solid var(--deep); padding: .9rem 1.1rem 1rem;
  margin: 1.4rem 0; border-radius: 3px; }
.state-word, .mark { display: inline-block; border: 1px solid currentColor; border-radius: 999px; padding: 0 .6em;
  font-size: .74rem; font-weight: 600; vertical-align: .1em; margin-left: .3em; }
.mark { color: #9a3412; }
section.question { border-left: 3px solid var(--deep); padding-left: .9rem; margin: 1.1rem 0; }
table.signatures { border: 2px solid var(--ink); }
table.signatures thead th { background: #fff; color: var(--ink); border-bottom: 2px solid var(--ink); }
table.signatures tbody { break-inside: avoid; border-bottom: 2px solid var(--line); }
table.signatures th:nth-child(1) { width: 24%; } table.signatures th:nth-child(2) { width: 17%; }
table.signatures th:nth-child(5) { width: 9%; } table.signatures th:nth-child(6) { width: 5%; }
tr.shown-row td { color: var(--faint); font-size: .86em; border-top: 0; padding-top: 0; }
ul.points { padding-left: 1.1rem; margin: .3rem 0; } ul.points li { margin: .15rem 0; }
li.grave { color: #b42318; font-weight: 600; }
.hidden { background: #14181d; color: #fff; border-radius: 2px; padding: 0 .35em; font-size: .92em; }
td > strong { white-space: normal; } td:first-child > strong { white-space: nowrap; overflow-wrap: normal; }
blockquote { margin: .25rem 0 0; padding-left: .6rem; border-left: 2px solid var(--line); }
table.changes { table-layout: fixed; } table.changes th:first-child { width: 16%; }
del { text-decoration: none; } del pre { background: #fff1f0; text-decoration: line-through; }
ins { text-decoration: none; } ins pre { background: #eefbf1; }
.screen { border: 1px dashed #8b949e; border-radius: 4px; padding: .5rem .8rem; margin: .4rem 0; background: #fcfcfd;
  font-size: .93em; }
.screen-title { font-weight: 600; } .screen table { margin: .2rem 0; } .screen ul { margin: 0; padding-left: 1rem; }
.screen pre { background: #fff; }
.absent { color: var(--faint); font-style: italic; }
svg.path { width: 100%; height: auto; margin: .4rem 0; }
svg.path .lane { stroke: #e7ebef; } svg.path .way { fill: none; stroke: #8b949e; stroke-width: 1.2; }
svg.path .at { fill: #dbeafe; stroke: var(--deep); } svg.path text { font-size: 11px; fill: var(--ink); }
svg.path .took { font-size: 10px; }
table.listing { font: .78rem/1.4 "DejaVu Sans Mono", "Noto Sans Mono", Consolas, monospace;
  border: 1px solid var(--line); }
table.listing th { width: 3rem; text-align: right; color: var(--faint); font-weight: 400; border: 0;
  border-right: 1px solid var(--line); padding: 0 .5rem; }
table.listing td { border: 0; padding: 0 .6rem; white-space: pre-wrap; }
table.listing tr.hit { background: #fff4c2; } table.listing tr.hit th { color: var(--ink); font-weight: 700; }
table.lines td { font-size: .82em; }
table.decisions td:nth-child(5), table.signatures td:nth-child(5) { white-space: nowrap; }
@page { size: A4; margin: 17mm 14mm 18mm;
  @bottom-left { content: "hitl-fsm evidence pack"; font: 8pt sans-serif; color: #59636e; }
  @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: #59636e; } }
@media print {
  body { font-size: 9.5pt; color: #000; }
  main { max-width: none; padding: 0 1px; }
  a { color: inherit; text-decoration: none; }
  section.run, section.policies, section.lines { break-before: page; }
  article.action { border-radius: 0; }
  .verdict, svg.path { break-inside: avoid; }
  pre { orphans: 4; widows: 4; }
  table.facts tr { break-inside: auto; }
  table.visits { font-size: .82em; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
