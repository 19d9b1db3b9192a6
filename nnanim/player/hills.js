// The column of hills beside the strips: a histogram of log10 |w| for each row, over that of another step.

const hills = () => data.hills;
let hillParts = [];

// Height of a hill in a bin, 0 … 1; behind all bins stands the share of weights that are exactly zero.
function hillAt(row, bin, position) {
  return at(biases, data.rows.length + row * (hills().bins + 1) + bin, position);
}
const zeroShare = (row, position) => hillAt(row, hills().bins, position);

function hillTops(row, position) {
  const { left, wide } = view.hills;
  const base = view.middles[row] + (data.cell * view.row) / 2;
  const tops = [];
  for (let bin = 0; bin < hills().bins; bin++) {
    const x = left + (wide * (bin + 0.5)) / hills().bins;
    tops.push([x, base - hillAt(row, bin, position) * data.cell * view.row]);
  }
  return { base, tops };
}

const points = (list) => list.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");

function hillPath(row, position) {
  const { left, wide } = view.hills;
  const { base, tops } = hillTops(row, position);
  const ends = [[left, base], [left, tops[0][1]], ...tops, [left + wide, tops[tops.length - 1][1]], [left + wide, base]];
  return `M${points(ends)}z`;
}

// Where nothing lies there is no line.
function outlinePath(row, position) {
  const { base, tops } = hillTops(row, position);
  const seen = (bin) => tops[bin] && tops[bin][1] < base - 0.01;
  let path = "";
  let begun = false;
  tops.forEach((point, bin) => {
    const drawn = seen(bin) || seen(bin - 1) || seen(bin + 1);
    if (drawn) path += (begun ? "L" : "M") + points([point]);
    begun = drawn;
  });
  return path;
}

function buildHills() {
  const { left, wide, heading, ticks, zeros } = view.hills;
  const small = { "font-size": view.small, "dominant-baseline": "central" };
  const high = data.cell * view.row;
  fitText(make("text", { ...small, x: left, y: view.headings_y }, scene, heading), wide + view.gap);
  for (const [x, text] of ticks) make("text", { ...small, x, y: view.ticks_y, "text-anchor": "middle" }, scene, text);
  hillParts = rowGroups.map((group, row) => {
    const y = view.middles[row] - high / 2;
    make("rect", { class: "empty", x: left, y, width: wide, height: high }, group);
    for (const share of hills().decades) {
      make("rect", { fill: "var(--background)", x: left + share * wide - 0.4, y, width: 0.8, height: high }, group);
    }
    if (zeros !== null) make("rect", { class: "empty", x: zeros, y, width: hills().zero_bar, height: high }, group);
    return {
      hill: make("path", { class: "hill", fill: "var(--muted)" }, group),
      outline: make("path", { class: "outline", fill: "none", stroke: "var(--line)" }, group),
      zero: zeros === null ? null : make("rect", { class: "zero", x: zeros, width: hills().zero_bar, fill: "var(--muted)" }, group),
    };
  });
}

function drawHills() {
  const high = data.cell * view.row;
  const behind = referenceOf(Math.floor(state.position));
  hillParts.forEach(({ hill, outline, zero }, row) => {
    hill.setAttribute("d", hillPath(row, state.position));
    outline.setAttribute("d", outlinePath(row, behind));
    if (!zero) return;
    const share = zeroShare(row, state.position);
    zero.setAttribute("y", view.middles[row] + high / 2 - share * high);
    zero.setAttribute("height", share * high);
  });
}

function hillLegend() {
  const place = $("hills") || make("+div", { id: "hills" }, $("legend"));
  place.replaceChildren();
  const row = make("+div", { class: "row" }, place);
  const sample = (draw, text) => {
    draw(make("svg", { viewBox: "0 0 28 14", class: "sample", "aria-hidden": "true" }, row));
    make("+span", {}, row, text);
  };
  sample((svg) => make("path", { d: "M0 14L9 11L14 3L18 1L23 7L28 14z", fill: "var(--muted)" }, svg), "now");
  sample((svg) => make("path", { d: "M0 14L5 12L10 6L15 2L20 9L25 14", fill: "none", stroke: "var(--line)" }, svg), sinceText());
  if (hills().has_zeros) {
    sample((svg) => make("rect", { x: 18, y: 1, width: 8, height: 13, fill: "var(--muted)" }, svg), "exactly 0");
  }
  make("+p", { class: "print" }, place, hills().print);
}

const rowsAlone = { ...drawing };
drawing.build = (name) => { rowsAlone.build(name); buildHills(); };
drawing.draw = () => { rowsAlone.draw(); drawHills(); };
drawing.legend = () => { rowsAlone.legend(); hillLegend(); };
drawing.facts = (thing) => {
  const told = rowsAlone.facts(thing);
  if (!hills().has_zeros) return told;
  const zeros = ["exactly 0", percent(zeroShare(thing.index, state.position))];
  return { ...told, rows: [...told.rows.slice(0, 3), zeros, ...told.rows.slice(3)] };
};
