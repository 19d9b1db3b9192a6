// The network as Graphviz drew it.

let lines = [];
let circles = [];
let halo = null;
let drawnWidths = new Int16Array(edgeCount);
let drawnColors = new Int16Array(edgeCount);

function buildNetwork(name) {
  view = data.views[name];
  const [width, height] = view.size;
  const graph = $("graph");
  graph.setAttribute("viewBox", `0 0 ${width} ${height}`);
  graph.dataset.view = name;
  graph.replaceChildren();
  scene = make("g", {}, graph);
  const edges = make("g", { id: "edges", role: "list", "aria-label": "Edges" }, scene);
  lines = view.segments.map(([x1, y1, x2, y2]) =>
    make("line", { x1, y1, x2, y2, role: "listitem", tabindex: -1 }, edges));
  halo = make("circle", { id: "halo", visibility: "hidden" }, scene);
  const nodes = make("g", { id: "nodes", role: "list", "aria-label": "Neurons" }, scene);
  circles = [...buildTiles(nodes), ...view.circles.map(([cx, cy, r]) =>
    make("circle", { class: "node", cx, cy, r, role: "listitem", tabindex: -1 }, nodes))];
  for (const [things, kind] of [[lines, "edge"], [circles, "neuron"]]) {
    things.forEach((element, index) => {
      element.dataset.kind = kind;
      element.dataset.index = index;
    });
    if (things.length) things[0].setAttribute("tabindex", 0);
  }
  for (const [x, y] of view.left_out) {
    for (const step of [-4, 0, 4]) make("circle", { class: "mark", cx: x, cy: y + step, r: 1.4 }, scene);
  }
  for (const { x, size, room, lines: texts } of view.captions) {
    texts.forEach((text, row) => fitText(make("text", {
      x, y: view.captions_y + 1.15 * row * view.text, "font-size": size, "text-anchor": "middle",
      "dominant-baseline": "middle",
    }, scene, text), room));
  }
  const last = data.nodes.column[nodeCount - 1];
  [0, last].forEach((column, side) => {
    const own = view.circles.filter((_, place) => data.nodes.column[place + tiled()] === column);
    view.labels[side].forEach((text, row) => {
      const x = own[row][0] + (side ? 1 : -1) * view.label_offset;
      fitText(make("text", {
        class: "label", x, y: own[row][1], "font-size": view.text, "text-anchor": side ? "start" : "end",
        "dominant-baseline": "central",
      }, scene, text), side ? width - x : x);
    });
  });
  drawnWidths = new Int16Array(edgeCount).fill(-1);
  drawnColors = new Int16Array(edgeCount).fill(-1);
}

function drawNetwork() {
  const mode = data.modes[state.mode];
  const edgeColors = colors("edge");
  for (let edge = 0; edge < edgeCount; edge++) {
    const weight = at(weights, edge, state.position);
    const wide = level(Math.abs(weight), domainOf(data.width_domain, edge));
    const norm = data.layers[data.edges.layer[edge]].norm; // has no sign, so it stays grey
    const told = mode.signed ? (norm ? 0 : weight) : changeAt(weights, edge, state.position);
    const color = level(told, domainOf(mode.domain, edge)) + levels;
    if (wide !== drawnWidths[edge]) lines[edge].setAttribute("stroke-width", view.widths[(drawnWidths[edge] = wide)]);
    if (color !== drawnColors[edge]) lines[edge].setAttribute("stroke", edgeColors[(drawnColors[edge] = color)]);
  }
  drawTiles();
  const ringColors = colors("ring");
  for (let node = 0; node < nodeCount; node++) {
    const bias = view.rings ? at(biases, node, state.position) : NaN;
    const has = !Number.isNaN(bias);
    const told = mode.signed ? bias : changeAt(biases, node, state.position);
    let width = view.thinnest_ring;
    const share = has ? level(Math.abs(bias), data.ring_domain) : 0;
    if (node < tiled()) width = view.tiles.ring[0] + (share / levels) * (view.tiles.ring[1] - view.tiles.ring[0]);
    else if (has) width = view.rings[share];
    circles[node].setAttribute("stroke-width", width);
    circles[node].setAttribute("stroke", has ? ringColors[level(told, mode.ring_domain) + levels] : "var(--muted)");
  }
  if (!state.playing) sortEdges();
}

// Strong edges lie on top, as in the pictures. The focused one stays where it is: moving it would take its focus.
function sortEdges() {
  const order = lines.map((_, edge) => edge).sort((a, b) => drawnWidths[a] - drawnWidths[b] || a - b);
  const focused = lines.indexOf(document.activeElement);
  const group = $("edges");
  let behind = focused >= 0;
  for (const edge of order) {
    if (edge === focused) behind = false;
    else group.insertBefore(lines[edge], behind ? lines[focused] : null);
  }
}

function find(event) {
  const point = pointIn($("graph"), event);
  let best = findTile(point);
  let nearest = REACH;
  view.circles.forEach(([x, y, r], place) => {
    const far = Math.hypot(point.x - x, point.y - y) - r;
    if (far < 2) best = { kind: "neuron", index: place + tiled() };
  });
  if (best) return best;
  view.segments.forEach(([x1, y1, x2, y2], index) => {
    const [dx, dy] = [x2 - x1, y2 - y1];
    const share = ((point.x - x1) * dx + (point.y - y1) * dy) / (dx * dx + dy * dy);
    if (share < 0 || share > 1) return;
    const far = Math.abs((point.x - x1) * dy - (point.y - y1) * dx) / Math.hypot(dx, dy);
    const reached = Math.max(0, far - view.widths[drawnWidths[index]] / 2);
    if (reached < nearest || (reached === 0 && nearest === 0 && drawnWidths[index] >= drawnWidths[best.index])) {
      best = { kind: "edge", index };
      nearest = reached;
    }
  });
  return best;
}

function edgesOf(node) {
  const found = [];
  for (let edge = 0; edge < edgeCount; edge++) {
    if (data.edges.tail[edge] === node || data.edges.head[edge] === node) found.push(edge);
  }
  const strength = (edge) => Math.abs(at(weights, edge, state.position));
  return found.sort((a, b) => strength(b) - strength(a)).slice(0, STRONGEST);
}

function networkFacts(thing) {
  const position = state.position;
  if (thing.kind === "edge") {
    const word = isCell(thing.index) ? "weight" : edgeWord(thing.index);
    return {
      title: thingName(thing),
      values: weights,
      rows: [
        [word, ...told(at(weights, thing.index, position))],
        [`|${word}| since ${sinceText()}`, ...toldSigned(changeAt(weights, thing.index, position))],
        ...pinnedFact(word, (step) => told(at(weights, thing.index, step))),
      ],
      spread: spreadOf(layerOf(thing.index), thing.index),
    };
  }
  const bias = at(biases, thing.index, position);
  const rows = Number.isNaN(bias) ? [["bias", "none"]] : [
    ["bias", ...told(bias)],
    [`|bias| since ${sinceText()}`, ...toldSigned(changeAt(biases, thing.index, position))],
    ...pinnedFact("bias", (step) => told(at(biases, thing.index, step))),
  ];
  const path = pathThrough(thing.index);
  const stations = path.map((edge) => data.edges.tail[edge]).concat(data.edges.head[path[path.length - 1]] ?? []);
  if (path.length) rows.push(["strongest path", stations.map(nodeName).join(" → ")]);
  return {
    title: nodeName(thing.index), values: Number.isNaN(bias) ? null : biases, rows,
    strongest: edgesOf(thing.index), spread: spreadOf(Math.max(data.nodes.column[thing.index] - 1, 0), null),
  };
}

// The path from input to output through a neuron along which the product of all |w| is largest.
function pathThrough(node) {
  const strength = (edge) => Math.abs(at(weights, edge, state.position));
  const order = data.edges.layer.map((_, edge) => edge).sort((a, b) => data.edges.layer[a] - data.edges.layer[b]);
  const walk = (edges, from, to) => {
    const best = new Map();
    for (const edge of edges) {
      const before = best.get(from[edge]);
      const product = strength(edge) * (before ? before.product : 1);
      if (!best.has(to[edge]) || best.get(to[edge]).product < product) {
        best.set(to[edge], { product, path: [...(before ? before.path : []), edge] });
      }
    }
    return best.has(node) ? best.get(node).path : [];
  };
  const { tail, head } = data.edges;
  return [...walk(order, tail, head), ...walk([...order].reverse(), head, tail).reverse()];
}

const layerOf = (edge) => (isCell(edge) ? 0 : data.edges.layer[edge]);
const tiled = () => (view.tiles ? data.tiles.units : 0);
const thingName = ({ kind, index }) => {
  if (kind !== "edge") return nodeName(index);
  return isCell(index) ? cellName(index) : edgeName(index);
};

function spreadOf(layer, own) {
  if (data.tiles && layer === 0) {
    const cells = Array.from({ length: cellsOf() }, (_, cell) => edgeCount + cell);
    return { key: layer, things: cells, own, word: `${cells.length} weights of ${data.layers[0].name}` };
  }
  const things = data.edges.layer.flatMap((each, edge) => (each === layer ? [edge] : []));
  const { name, norm } = data.layers[layer];
  return { key: layer, things, own, word: `${things.length} ${norm ? "norms" : "edges"} of ${name}` };
}

function networkLegend() {
  const legend = data.modes[state.mode].legend;
  const table = colors("edge");
  $("ramp").hidden = !legend.ramp;
  if (legend.ramp) rampOf($("ramp"), table, legend.ramp, withSince(legend.ramp_print));
  $("samples").replaceChildren();
  const row = make("+div", { class: "row" }, $("samples"));
  const scale = $("graph").clientWidth / view.size[0] || 1;
  for (const [text, share] of legend.samples) {
    const sample = make("svg", { class: "sample", viewBox: "0 0 28 14", "aria-hidden": "true" }, row);
    const width = scale * view.widths[Math.round(share * levels)];
    make("line", { x1: 0, x2: 28, y1: 7, y2: 7, "stroke-width": width }, sample);
    make("+span", {}, row, text);
  }
  make("+p", { class: "print" }, $("samples"), legend.samples_print);
}

function markInNetwork(thing) {
  const isCircle = thing && thing.kind === "neuron" && thing.index >= tiled();
  if (halo) halo.setAttribute("visibility", isCircle ? "visible" : "hidden");
  markTile(thing);
  if (!thing) return;
  if (thing.kind === "edge") {
    if (!isCell(thing.index)) lines[thing.index].classList.add("hot");
    return;
  }
  for (const edge of [...edgesOf(thing.index), ...pathThrough(thing.index)]) lines[edge].classList.add("hot");
  if (!isCircle) return;
  const [x, y, r] = view.circles[thing.index - tiled()];
  for (const [key, value] of Object.entries({ cx: x, cy: y, r: r + 5 })) halo.setAttribute(key, value);
}

// l2:3-1 is the edge of layer l2 from neuron 3 to neuron 1, l2:3 the neuron 3 that l2 puts out.
function networkAddress({ kind, index }) {
  const { column, neuron } = data.nodes;
  if (kind !== "edge") return `${column[index] ? data.layers[column[index] - 1].name : "input"}:${neuron[index]}`;
  if (isCell(index)) return cellAddress(index);
  const { layer, tail, head } = data.edges;
  return `${data.layers[layer[index]].name}:${neuron[tail[index]]}-${neuron[head[index]]}`;
}

const drawing = {
  thing: data.tiles ? "a cell, an edge or a neuron" : "an edge or a neuron",
  build: buildNetwork,
  draw: drawNetwork,
  repaint: () => {
    drawnColors.fill(-1);
    drawnCells = null;
  },
  legend: () => {
    networkLegend();
    drawTiles();
  },
  find,
  facts: networkFacts,
  mark: markInNetwork,
  standOut: (things) => lines.forEach((line, edge) => line.classList.toggle("stands", things.includes(edge))),
  things: (kind) => (kind === "edge" ? lines : circles),
  kinds: ["edge", "neuron"],
  count: (kind) => (kind === "edge" ? edgeCount + cellsOf() : nodeCount),
  address: networkAddress,
  name: thingName,
};
