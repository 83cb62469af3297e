namespace DiMum.Runs.Report;

/// <summary>
/// The page's style sheet: light and dark, phone to wide screen, and paper. No child combinators: the sheet is XML text too.
/// </summary>
internal static class Style
{
    public const string Sheet = """
        :root {
          color-scheme: light dark;
          --paper: #ffffff; --ink: #20262e; --soft: #5a6672; --line: #dfe4e9; --panel: #f5f7f9; --accent: #0072b2;
          --good: #d9f0e6; --good-ink: #0b5a40; --bad: #fbe3d6; --bad-ink: #8a3200; --unclear: #e9ecef; --unclear-ink: #434d57;
        }
        @media screen and (prefers-color-scheme: dark) {
          :root {
            --paper: #171c22; --ink: #dce3ea; --soft: #9aa7b4; --line: #323b45; --panel: #1f262e; --accent: #56b4e9;
            --good: #12402f; --good-ink: #a5e3c8; --bad: #53260e; --bad-ink: #ffc9a8; --unclear: #343d47; --unclear-ink: #cdd6de;
          }
        }
        * { box-sizing: border-box; }
        body {
          margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 74rem; background: var(--paper); color: var(--ink);
          font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: break-word;
        }
        h1 { font-size: clamp(1.5rem, 4vw, 2.2rem); line-height: 1.2; margin: 0 0 .4rem; text-wrap: balance; }
        h2 { font-size: 1.35rem; margin: 2.8rem 0 .8rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
        h3 { font-size: 1.05rem; margin: 0 0 .5rem; }
        p { margin: 0 0 .8rem; max-width: 48rem; }
        small, .note, figcaption { color: var(--soft); font-size: .84rem; }
        sub { line-height: 0; }
        .lead { color: var(--soft); max-width: none; }
        .absent { color: var(--soft); font-style: italic; }
        .summary {
          background: var(--panel); border: 1px solid var(--line); border-left: 5px solid var(--accent); border-radius: 8px;
          padding: 1.1rem 1.4rem; margin-top: 1.6rem;
        }
        .summary h2 { margin: 0 0 .8rem; border: 0; padding: 0; }
        .summary .part {
          display: grid; grid-template-columns: 10rem 1fr; gap: .2rem 1.2rem; padding: .7rem 0; border-top: 1px solid var(--line);
        }
        .summary .part h3 { font-size: .95rem; margin: 0; color: var(--soft); }
        .summary p, .summary ul { margin: 0; max-width: 54rem; }
        .summary ul { padding-left: 1.1rem; }
        .summary li { margin-bottom: .25rem; }
        .pill {
          display: inline-block; padding: .05rem .6rem; border-radius: 999px; font-weight: 600; font-size: .88rem; white-space: nowrap;
        }
        .good { background: var(--good); color: var(--good-ink); }
        .bad { background: var(--bad); color: var(--bad-ink); }
        .unclear { background: var(--unclear); color: var(--unclear-ink); }
        .swatch { display: inline-block; width: .75em; height: .75em; border-radius: 50%; margin-right: .5em; }
        dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: .8rem 2rem; margin: 0; }
        dt { font-weight: 600; }
        dd { margin: 0; color: var(--soft); font-size: .94rem; }
        figure { margin: 0; }
        img { max-width: 100%; height: auto; display: block; }
        .pixels { image-rendering: pixelated; border-radius: 3px; }
        .pair { display: flex; flex-wrap: wrap; gap: 1.5rem 2rem; margin: 1.2rem 0; }
        .grid figcaption { margin-bottom: .4rem; color: var(--ink); }
        .rows { display: flex; gap: .5rem; }
        .labels { display: flex; flex-direction: column; flex: none; }
        .labels span {
          flex: 1 1 0; display: flex; align-items: center; justify-content: flex-end; font-size: .8rem;
          line-height: 1; color: var(--soft); padding: 0 .35rem;
        }
        .labels .unlearned { background: var(--accent); color: var(--paper); font-weight: 700; border-radius: 3px; }
        .method { border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.2rem; margin: 1rem 0; }
        .method-body { display: grid; grid-template-columns: minmax(0, 23rem) minmax(0, 1fr); gap: 1.2rem 2rem; align-items: start; }
        .strip { margin-bottom: 1.1rem; }
        .strip figcaption { margin-bottom: .35rem; }
        .step { display: flex; align-items: center; gap: .8rem; margin-bottom: 3px; }
        .step span {
          flex: none; width: 7.6rem; display: flex; justify-content: space-between; gap: .4rem; font-size: .8rem;
          font-variant-numeric: tabular-nums;
        }
        .step span b { white-space: nowrap; }
        .step img { min-width: 0; }
        .step .absent { margin: 0; font-size: .84rem; }
        .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 33rem), 1fr)); gap: 1.8rem 1.6rem; }
        .chart { border: 1px solid var(--line); border-radius: 8px; padding: .8rem; overflow-x: auto; }
        .chart img { min-width: 20rem; width: 100%; }
        .chart figcaption { margin-top: .5rem; }
        .table { margin: 1.4rem 0; }
        .table .title { font-weight: 600; margin: 0 0 .15rem; }
        .table .note { margin: 0 0 .5rem; max-width: 60rem; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .93rem; }
        th, td { padding: .4rem .7rem; text-align: right; vertical-align: top; border-bottom: 1px solid var(--line); }
        th:first-child, .pairs td, .glance th, .glance td { text-align: left; }
        thead th {
          white-space: nowrap; border-bottom: 2px solid var(--line); font-size: .85rem; color: var(--soft); vertical-align: bottom;
        }
        tbody th { font-weight: 600; }
        td small, th small { display: block; white-space: nowrap; font-weight: 400; }
        .foreign th, .foreign td { padding: .35rem .45rem; white-space: nowrap; }
        .foreign table { color: var(--soft); font-size: .84rem; }
        .foreign { background: var(--panel); border: 1px dashed var(--line); border-radius: 8px; padding: .7rem .9rem; }
        .pairs th { font-weight: 500; color: var(--soft); width: 40%; }
        .beside, .columns {
          display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 0 2rem; align-items: start;
        }
        details { border: 1px solid var(--line); border-radius: 8px; padding: .6rem 1rem; margin: .8rem 0; }
        details summary { cursor: pointer; font-weight: 600; }
        pre { overflow-x: auto; font-size: .82rem; line-height: 1.45; }
        @media (max-width: 46rem) {
          body { padding: 1.2rem .9rem 3rem; }
          .summary { padding: .9rem 1rem; }
          .summary .part, .method-body { grid-template-columns: minmax(0, 1fr); }
          .step { flex-direction: column; align-items: flex-start; gap: .1rem; margin-bottom: .5rem; }
          .method, .chart { padding: .7rem; }
          th, td { padding: .4rem .5rem; }
          .glance thead { display: none; }
          .glance tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
          .glance th, .glance td { display: block; border: 0; padding: .1rem 0; }
          .glance td { display: grid; grid-template-columns: 8.2rem 1fr; justify-items: start; padding: .2rem 0; }
          .glance td small { grid-column: 2; }
          .glance td::before { content: attr(data-head); grid-row: span 2; font-size: .84rem; color: var(--soft); }
        }
        @media print {
          body { max-width: none; padding: 0; font-size: 11px; }
          h2, h3, .title { break-after: avoid; }
          .method, figure, tr, .part { break-inside: avoid; }
          .scroll, .chart { overflow: visible; }
          .chart img { min-width: 0; }
          .pill, .swatch, .labels .unlearned { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
        }
        """;
}
