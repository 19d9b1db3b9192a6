// Weight matrices as heat maps: cells on a canvas, names and marks above it.

let cellPlaces = null; // left, top, right and bottom of each cell, in points
let drawnCells = null;
let matrixGroups = [];
let largestMarks = [];
let radiusTexts = []; // of hidden matrices, whose spectral radii change
let ring = null;

function buildMatrix(name) {
  view = data.views[name];
  const [width, height] = view.size;
  const graph = $("graph");
  graph.setAttribute("viewBox", `0 0 ${width} ${height}`);
  graph.setAttribute("aria-label", "Weight matrices as heat maps, the largest weight of each marked");
  graph.dataset.view = name;
  graph.replaceChildren();
  $("cells").hidden = false;
  scene = make("g", {}, graph);
  cellPlaces = new Float32Array(4 * (weights.length / count));
  const list = make("g", { role: "list", "aria-label": "Weight matrices" }, scene);
  matrixGroups = view.matrices.map(({ box: [x, y, wide, high], lines, order, plates }, index) => {
    const { name: title, start } = data.matrices[index];
    const group = make("g", {
      class: "tensor", role: "listitem", tabindex: index ? -1 : 0, "aria-label": title, "data-kind": "matrix",
      "data-index": index,
    }, list);
    make("rect", { class: "halo", x: x - 2, y: y - 2, width: wide + 4, height: high + 4 }, group);
    for (const [left, base, size, text] of lines) {
      make("text", { class: text === lines[0][3] ? "label" : "", x: left, y: base, "font-size": size }, group, text);
    }
    let place = 0;
    for (const { across, down } of plates) {
      for (const [top, bottom] of down) {
        for (const [left, right] of across) {
          const cell = start + (order ? order[place] : place);
          cellPlaces.set([left, top, right, bottom], 4 * cell);
          place += 1;
        }
      }
    }
    return group;
  });
  radiusTexts = view.radii.places.map(([x, y, size]) => make("text", { class: "label", x, y, "font-size": size }, scene));
  largestMarks = view.matrices.map(() => make("rect", { class: "largest" }, scene));
  ring = make("rect", { id: "halo", visibility: "hidden" }, scene);
  drawnCells = null;
}

const boxOfCell = (cell) => {
  const [left, top, right, bottom] = cellPlaces.subarray(4 * cell, 4 * cell + 4);
  return { x: left, y: top, width: right - left, height: bottom - top };
};

function surround(element, cell, room) {
  const { x, y, width, height } = boxOfCell(cell);
  const least = Math.max(room, (6 - Math.min(width, height)) / 2); // what marks the smallest cells is seen too
  const place = { x: x - least, y: y - least, width: width + 2 * least, height: height + 2 * least };
  for (const [key, value] of Object.entries(place)) element.setAttribute(key, value);
}

function drawMatrix() {
  const canvas = $("cells");
  const dense = window.devicePixelRatio || 1;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight].map((length) => Math.round(length * dense));
  const context = canvas.getContext("2d");
  if (!drawnCells || canvas.width !== wide || canvas.height !== high) {
    [canvas.width, canvas.height] = [wide, high];
    drawnCells = new Int16Array(cellPlaces.length / 4).fill(-2);
  }
  const scale = wide / view.size[0];
  const { signed: bySign, domain } = data.modes[state.mode];
  const table = colors("edge");
  for (let cell = 0; cell < drawnCells.length; cell++) {
    const told = bySign || data.is_size ? at(weights, cell, state.position) : changeAt(weights, cell, state.position);
    const color = Number.isNaN(told) ? -1 : level(told, domain) + levels;
    if (color === drawnCells[cell]) continue;
    drawnCells[cell] = color;
    const [left, top, right, bottom] = cellPlaces.subarray(4 * cell, 4 * cell + 4).map((each) => Math.round(each * scale));
    const gap = Math.min(right - left, bottom - top) >= 6 * dense ? Math.max(1, 0.08 * (right - left)) : 0;
    context.clearRect(left, top, right - left, bottom - top);
    if (color < 0) continue;
    context.fillStyle = table[color];
    context.fillRect(left, top, right - left - gap, bottom - top - gap);
  }
  data.radii[Math.floor(state.position)].forEach((text, index) => {
    radiusTexts[index].textContent = view.radii.words.replace("{}", text);
  });
  data.marks[Math.floor(state.position)].forEach((cell, index) => surround(largestMarks[index], cell, 0));
}

function findCell(event) {
  const { x, y } = pointIn($("graph"), event);
  for (let index = 0; index < view.matrices.length; index++) {
    const { box: [left, top, wide, high], plates, order } = view.matrices[index];
    if (x < left || x > left + wide || y < top || y > top + high) continue;
    let before = 0;
    for (const { across, down } of plates) {
      const row = down.findIndex(([upper, lower]) => y >= upper && y < lower);
      const column = across.findIndex(([from, to]) => x >= from && x < to);
      const place = before + row * across.length + column;
      if (row >= 0 && column >= 0) {
        return { kind: "cell", index: data.matrices[index].start + (order ? order[place] : place) };
      }
      before += down.length * across.length;
    }
  }
  return null;
}

const matrixOf = (cell) => data.matrices.findLastIndex(({ start }) => start <= cell);

function placeOfCell(cell) {
  const { name, start, columns, rows_at: rows, columns_at: bounds } = data.matrices[matrixOf(cell)];
  const [row, column] = [Math.floor((cell - start) / columns), (cell - start) % columns];
  const range = (from, to) => (to - from > 1 ? `${from}–${to - 1}` : from);
  return `${name}, row ${range(rows[row], rows[row + 1])}, column ${range(bounds[column], bounds[column + 1])}`;
}

function matrixFacts({ kind, index }) {
  if (kind === "cell") {
    const { word } = data.matrices[matrixOf(index)];
    return {
      title: placeOfCell(index),
      values: weights,
      rows: [
        [word, ...told(at(weights, index, state.position))],
        [`size since ${sinceText()}`, ...toldSigned(changeAt(weights, index, state.position))],
        ...pinnedFact(word, (step) => told(at(weights, index, step))),
      ],
      spread: spreadOf(matrixOf(index), index),
    };
  }
  const { name, shape, hidden } = data.matrices[index];
  const snapshot = Math.floor(state.position);
  return {
    title: name,
    values: biases,
    word: "largest weight",
    rows: [
      ["out × in", shape.join(" × ")],
      ["largest w", ...told(at(biases, index, snapshot))],
      ["in row, column", data.largest_at[snapshot][index].join(", ")],
      ...(hidden === null ? [] : [["spectral radius", data.radii[snapshot][hidden]]]),
      ...pinnedFact("largest w", (step) => told(at(biases, index, step))),
    ],
    spread: spreadOf(index, null),
  };
}

function spreadOf(index, own) {
  const { name, start } = data.matrices[index];
  const end = index + 1 < data.matrices.length ? data.matrices[index + 1].start : weights.length / count;
  const things = Array.from({ length: end - start }, (_, place) => start + place);
  return { key: index, things, own, word: `${things.length} cells of ${name}` };
}

function matrixLegend() {
  const [bar, mark] = data.legends;
  const table = data.is_size ? colors("edge").slice(levels) : colors("edge");
  rampOf($("ramp"), table, bar.ends, withSince(bar.print));
  $("samples").replaceChildren();
  const row = make("+div", { class: "row" }, $("samples"));
  make("rect", { class: "largest", x: 2, y: 2, width: 8, height: 8 },
    make("svg", { class: "square", viewBox: "0 0 12 12", "aria-hidden": "true" }, row));
  make("+span", {}, row, mark.ends[1]);
  make("+p", { class: "print" }, $("samples"), mark.print);
}

const drawing = {
  thing: "a cell",
  build: buildMatrix,
  draw: drawMatrix,
  repaint: () => { drawnCells = null; },
  legend: () => {
    matrixLegend();
    drawMatrix();
  },
  find: findCell,
  facts: matrixFacts,
  mark: (thing) => {
    ring.setAttribute("visibility", thing && thing.kind === "cell" ? "visible" : "hidden");
    if (!thing) return;
    if (thing.kind === "cell") surround(ring, thing.index, 2);
    else matrixGroups[thing.index].classList.add("hot");
  },
  standOut: (things) => {
    for (const old of scene.querySelectorAll(".ring")) old.remove();
    for (const cell of things) {
      const { x, y, width, height } = boxOfCell(cell);
      const r = Math.max(0.36 * Math.min(width, height), 3);
      make("circle", { class: "ring", cx: x + width / 2, cy: y + height / 2, r }, scene);
    }
  },
  things: () => matrixGroups,
  kinds: ["cell", "matrix"],
  count: (kind) => (kind === "cell" ? weights.length / count : data.matrices.length),
  address: ({ kind, index }) => {
    if (kind === "matrix") return data.matrices[index].name;
    const { name, start, columns } = data.matrices[matrixOf(index)];
    return `${name}:${Math.floor((index - start) / columns)}-${(index - start) % columns}`;
  },
  name: ({ kind, index }) => (kind === "cell" ? placeOfCell(index) : data.matrices[index].name),
};
