"use strict";
(() => {
  const root = document.documentElement;
  const plots = JSON.parse(document.getElementById("plots").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);

  // A figure in the colours of the page: only what Optuna and we leave open.
  const themed = (plot, narrow) => {
    const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
    const [ink, line, back] = [colour("--ink"), colour("--line"), colour("--back")];
    const layout = structuredClone(plot.layout);
    Object.assign(layout, {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height: plot.height, autosize: true,
      font: { color: ink, family: "system-ui, sans-serif", size: narrow ? 11 : 13 },
      hoverlabel: { bgcolor: back, bordercolor: line, font: { color: ink }, align: "left" },
      margin: { l: narrow ? 45 : 65, r: narrow ? 10 : 25, t: 20, b: 45, ...layout.margin },
    });
    for (const [key, axis] of Object.entries(layout)) {
      if (/^[xy]axis\d*$/.test(key)) {
        Object.assign(axis, { gridcolor: line, linecolor: line, zerolinecolor: line, automargin: true, exponentformat: axis.exponentformat ?? "e" });
      }
    }
    for (const note of layout.annotations ?? []) Object.assign(note, { font: { ...note.font, color: ink }, bgcolor: back, opacity: 0.85 });
    return layout;
  };

  const failed = (place, error) => { place.textContent = `This figure cannot be drawn: ${error}`; };
  const draw = (place) => {
    const plot = plots[place.dataset.plot];
    const narrow = place.clientWidth < 500;
    const options = { responsive: true, displaylogo: false, displayModeBar: narrow ? false : undefined, scrollZoom: false };
    place.drawn = true;
    try {
      Plotly.react(place, plot.data, themed(plot, narrow), options).catch((error) => failed(place, error));
    } catch (error) { failed(place, error); }
  };

  const places = [...document.querySelectorAll("[data-plot]")];
  const redraw = () => places.filter((place) => place.drawn).forEach(draw);
  const showTheme = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; showTheme(); redraw(); });
  dark.addEventListener("change", () => { showTheme(); redraw(); });
  showTheme();
  // Figures are drawn when they come near the screen.
  const watch = new IntersectionObserver((seen) => {
    for (const { isIntersecting, target } of seen) {
      if (isIntersecting && !target.drawn) { watch.unobserve(target); draw(target); }
    }
  }, { rootMargin: "600px" });
  places.forEach((place) => watch.observe(place));
  // The rest follows one by one, for who prints or takes a picture of the whole page.
  const rest = () => {
    const place = places.find((one) => !one.drawn);
    if (!place) return;
    watch.unobserve(place);
    draw(place);
    setTimeout(rest, 30);
  };
  setTimeout(rest, 300);
  for (const copy of document.querySelectorAll("[data-copies]")) {
    copy.hidden = false;
    copy.addEventListener("click", () => {
      const text = document.getElementById(copy.dataset.copies);
      getSelection().selectAllChildren(text);
      const done = () => { copy.textContent = "Copied"; setTimeout(() => { copy.textContent = "Copy"; }, 2000); };
      navigator.clipboard ? navigator.clipboard.writeText(text.textContent).then(done, () => {}) : document.execCommand("copy") && done();
    });
  }
  let before; // paper is light, and has every figure
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    places.forEach(draw);
  });
  addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    redraw();
  });

  const table = document.getElementById("table");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const words = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const key = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.sort ?? cell.textContent.trim();
    const number = text === "" ? NaN : Number(text);
    return { text, number, empty: text === "" || (cell.className && cell.className !== "n" && cell.className !== "why") };
  };
  const compare = (a, b, sign) => {
    if (a.empty || b.empty) return a.empty - b.empty; // what has no value stands last, whatever the order
    const byNumber = !Number.isNaN(a.number) && !Number.isNaN(b.number);
    return sign * (byNumber ? a.number - b.number : a.text.localeCompare(b.text));
  };
  for (const head of table.tHead.querySelectorAll("button")) {
    head.addEventListener("click", () => {
      const cell = head.parentElement;
      const down = cell.getAttribute("aria-sort") === "ascending";
      for (const other of cell.parentElement.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keys = new Map(rows.map((row) => [row, key(row, cell.cellIndex)]));
      rows.sort((a, b) => compare(keys.get(a), keys.get(b), down ? -1 : 1));
      body.append(...rows);
    });
  }
  const [filter, source, count] = ["filter", "source", "count"].map((id) => document.getElementById(id));
  const sift = () => {
    const wanted = filter.value.toLowerCase().trim();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.get(row).includes(wanted) || (source.value !== "" && row.dataset.source !== source.value);
      shown += !row.hidden;
    }
    count.textContent = shown === rows.length ? `${shown} trials` : `${shown} of ${rows.length} trials`;
  };
  document.querySelector(".tools").hidden = false;
  filter.addEventListener("input", sift);
  source.addEventListener("change", sift);
  sift();
})();
