// A row for each weight tensor: a strip of how far it has moved, a bar and numbers of now.

const MOST_COLUMNS = 240; // of a strip: more than there are points
const GAPPED_COLUMNS = 60; // beyond so many, neighbours of one colour are one area
let rowGroups = [];
let rowParts = [];
let come = null;

const movedTables = {};
for (const theme in data.moved.themes) {
  movedTables[theme] = data.moved.themes[theme].match(/.{6}/g).map((color) => "#" + color);
}

const norms = (row, position) => at(weights, row, position);
const growths = (row, position) => at(weights, data.rows.length + row, position);
const changes = (row, position) => at(biases, row, position);

function movedShare(change) {
  const share = Math.log(change / data.moved.low) / Math.log(data.moved.high / data.moved.low);
  return Number.isNaN(share) ? 0 : Math.max(0, Math.min(1, share));
}

// Two significant digits, as the pictures write them.
function twoDigits(value) {
  const [digits, exponent] = value.toExponential(1).split("e");
  const plain = Number(digits);
  const power = Number(exponent);
  if (power >= -4 && power < 2) return String(Number(value.toPrecision(2)));
  return `${plain}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

const norm = (value) => (Number.isFinite(value) ? minus(twoDigits(value)) : "–");

function percent(share) {
  if (!Number.isFinite(share)) return "–";
  if (share === 0) return "0 %";
  if (share < 1e-6) return "< 0.0001 %";
  return `${inPlaces(100 * share, 2)} %`;
}

// So many significant digits, never with an exponent.
function inPlaces(value, places) {
  const [digits, exponent] = Math.abs(value).toExponential(places - 1).split("e");
  const text = Number(exponent) < places
    ? String(Number(Number(`${digits}e${exponent}`).toFixed(Math.min(100, places - 1 - Number(exponent)))))
    : digits.replace(".", "") + "0".repeat(Number(exponent) - places + 1);
  return (value < 0 ? "−" : "") + text;
}

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
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform($("graph").getScreenCTM().inverse());
  const index = view.middles.findIndex((y) => Math.abs(point.y - y) <= view.row / 2);
  return index < 0 ? null : { kind: "row", index };
}

function rowFacts({ index: row }) {
  const position = state.position;
  const { name, keys, formula } = data.rows[row];
  const size = norms(row, position);
  const growth = growths(row, position);
  const grown = Number.isFinite(growth) ? (growth > 0 ? "+" : "") + inPlaces(100 * growth, 2) + " %" : "–";
  const rows = [
    ["‖W‖", Number.isFinite(size) ? minus(String(Number(size.toPrecision(4)))) : "–"],
    [`moved since ${data.since.text}`, percent(changes(row, position))],
    [`‖W‖ since ${data.since.text}`, grown],
  ];
  if (formula) rows.push(["made as", formula]);
  rows.push(["in the file", keys.join(", ")]);
  const own = biases.subarray(row * count, (row + 1) * count);
  const values = own.every(Number.isFinite) ? biases : null;
  return { title: name, values, word: "relative change", ends: percent, rows, strongest: [] };
}

function rowLegend() {
  const theme = isDark() ? "dark" : "light";
  const growth = colors("edge");
  const [thin, thick] = data.thickness;
  const looks = [
    [movedTables[theme], () => 6, false],
    [growth, (share) => 9 * (thin + (thick - thin) * share), true],
  ];
  ["ramp", "samples"].forEach((id, block) => {
    const { ends, print } = data.legends[block];
    const [table, high, isColored] = looks[block];
    $(id).replaceChildren();
    const row = make("+div", { class: "row" }, $(id));
    const word = (text, color) => {
      const span = make("+span", {}, row, text);
      if (isColored) span.style.color = color;
    };
    word(ends[0], table[0]);
    const bar = make("svg", {
      viewBox: "0 0 41 9", preserveAspectRatio: "none", "shape-rendering": "crispEdges", "aria-hidden": "true",
    }, row);
    for (let step = 0; step <= 40; step++) {
      const height = high(step / 40);
      const fill = table[Math.round((step / 40) * (table.length - 1))];
      make("rect", { x: step, y: 4.5 - height / 2, width: 1.1, height, fill }, bar);
    }
    word(ends[1], table[table.length - 1]);
    make("+p", { class: "print" }, $(id), print);
  });
}

const drawing = {
  build: buildLayers,
  draw: drawLayers,
  repaint: paintStrips,
  legend: rowLegend,
  find: findRow,
  facts: rowFacts,
  mark: (thing) => thing && rowGroups[thing.index].classList.add("hot"),
  things: () => rowGroups,
  name: ({ index }) => data.rows[index].name,
};
