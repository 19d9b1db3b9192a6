// A row for each weight tensor: a strip of how far it has moved, a bar and numbers of now.

const MOST_COLUMNS = 240; // of a strip: more than there are points
const GAPPED_COLUMNS = 60; // beyond so many, neighbours of one colour are one area
let rowGroups = [];
let rowParts = [];
let come = null;

function buildLayers(name) {
  view = data.views[name];
  const [width, height] = view.size;
  const graph = $("graph");
  graph.setAttribute("viewBox", `0 0 ${width} ${height}`);
  graph.setAttribute("aria-label", "Weight tensors, how far each has moved and how large it is");
  graph.dataset.view = name;
  graph.replaceChildren();
  const [left, wide] = view.strips;
  const clip = make("clipPath", { id: "come" }, make("defs", {}, graph));
  come = make("rect", { x: left, y: 0, width: 0, height }, clip);
  scene = make("g", {}, graph);
  const small = { "font-size": view.small, "dominant-baseline": "central" };
  const heads = [[left, "start"], [view.bars[0], "start"], [width - view.side, "end"]];
  view.headings.forEach((text, index) => {
    const [x, anchor] = heads[index];
    const head = make("text", { ...small, x, y: view.headings_y, "text-anchor": anchor }, scene, text);
    if (!index) fitText(head, wide + view.gap);
  });
  for (const [y, text] of view.blocks) {
    fitText(make("text", {
      class: "block", x: view.side, y, "font-size": view.text, "dominant-baseline": "central",
    }, scene, text), width - 2 * view.side);
  }
  for (const [anchor, text] of view.ticks) {
    const x = anchor === "start" ? left : left + wide;
    make("text", { ...small, x, y: view.ticks_y, "text-anchor": anchor }, scene, text);
  }
  const list = make("g", { id: "rows", role: "list", "aria-label": "Weight tensors" }, scene);
  rowGroups = data.rows.map((row, index) => make("g", {
    class: "tensor", role: "listitem", tabindex: index ? -1 : 0, "aria-label": row.name, "data-kind": "row",
    "data-index": index,
  }, list));
  rowParts = rowGroups.map(buildRow);
  paintStrips();
}

function buildRow(group, row) {
  const y = view.middles[row];
  const [left, wide] = view.strips;
  const high = data.cell * view.row;
  const text = (x, content, looks) => make("text", {
    class: "label", x, y, "font-size": view.text, "text-anchor": "end", "dominant-baseline": "central", ...looks,
  }, group, content);
  make("rect", { class: "halo", x: 1, y: y - view.row / 2, width: view.size[0] - 2, height: view.row, rx: 3 }, group);
  fitText(text(left - view.gap, view.names[row]), left - view.gap - view.side);
  make("rect", { class: "empty", x: left, y: y - high / 2, width: wide, height: high }, group);
  const strip = make("g", { class: "strip", "clip-path": "url(#come)" }, group);
  const bar = make("rect", { class: "bar", x: view.bars[0] }, group);
  return { strip, bar, moved: text(view.bars[2], ""), norm: text(view.size[0] - view.side, "") };
}

// The strips are painted whole, once for each theme, and uncovered as far as the moment has come.
function paintStrips() {
  const table = movedTables[isDark() ? "dark" : "light"];
  const [left, wide] = view.strips;
  const each = Math.ceil(count / MOST_COLUMNS); // of these snapshots the last one is shown
  const cell = (wide * each) / count;
  const gap = count > GAPPED_COLUMNS ? 0 : Math.min(0.8, 0.12 * cell);
  const high = data.cell * view.row;
  rowParts.forEach(({ strip }, row) => {
    const colors = [];
    for (let index = 0; index < count; index += each) {
      const change = changes(row, Math.min(index + each, count) - 1);
      colors.push(Number.isFinite(change) ? table[Math.round(movedShare(change) * (table.length - 1))] : null);
    }
    strip.replaceChildren();
    for (let start = 0, stop; start < colors.length; start = stop) {
      stop = start + 1;
      while (!gap && stop < colors.length && colors[stop] === colors[start]) stop += 1;
      const end = Math.min(wide, stop * cell);
      make("rect", {
        x: left + start * cell, y: view.middles[row] - high / 2, width: end - start * cell - gap, height: high,
        fill: colors[start] || "var(--background)",
      }, strip);
    }
  });
}

function drawLayers() {
  const position = state.position;
  const table = colors("edge");
  const domain = data.modes[state.mode].domain;
  const [thin, thick] = data.thickness;
  come.setAttribute("width", (view.strips[1] * (Math.floor(position) + 1)) / count);
  rowParts.forEach((part, row) => {
    const change = changes(row, position);
    const growth = growths(row, position);
    const known = Number.isNaN(growth) ? 0 : growth;
    const share = (Math.max(-1, Math.min(1, known / domain)) + 1) / 2;
    const high = (thin + (thick - thin) * share) * view.row;
    part.bar.setAttribute("y", view.middles[row] - high / 2);
    part.bar.setAttribute("height", high);
    part.bar.setAttribute("width", movedShare(change) * view.bars[1]);
    part.bar.setAttribute("fill", table[level(known, domain) + levels]);
    part.moved.textContent = percent(change);
    part.norm.textContent = norm(norms(row, position));
  });
}

function findRow(event) {
  const point = pointIn($("graph"), event);
  const index = view.middles.findIndex((y) => Math.abs(point.y - y) <= view.row / 2);
  return index < 0 ? null : { kind: "row", index };
}

const drawing = {
  thing: "a row",
  build: buildLayers,
  draw: drawLayers,
  repaint: paintStrips,
  legend: rowLegend,
  find: findRow,
  facts: rowFacts,
  mark: (thing) => thing && rowGroups[thing.index].classList.add("hot"),
  standOut: (things) => rowGroups.forEach((group, row) => group.classList.toggle("stands", things.includes(row))),
  things: () => rowGroups,
  kinds: ["row"],
  count: () => data.rows.length,
  address: ({ index }) => data.rows[index].name,
  name: ({ index }) => data.rows[index].name,
};
