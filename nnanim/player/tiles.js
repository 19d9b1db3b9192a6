// Tiles: a picture of its weights for each unit of the first layer. Their cells, on a canvas below the drawing, are
// counted behind the edges, for that is what they are: one from each pixel of the image.

let drawnCells = null;
let image = null;
let cellRing = null;

const cellsOf = () => data.tiles.units * data.tiles.rows * data.tiles.columns * data.tiles.channels;
const isCell = (edge) => edge >= edgeCount;

function placeOfCell(edge) {
  const { rows, columns, channels } = data.tiles;
  const across = columns * channels;
  const cell = edge - edgeCount;
  const [unit, rest] = [Math.floor(cell / (rows * across)), cell % (rows * across)];
  const [row, x] = [Math.floor(rest / across), rest % across];
  return { unit, row, channel: Math.floor(x / columns), column: x % columns };
}

function boxOfCell(edge) {
  const { unit, row, channel, column } = placeOfCell(edge);
  const { begins, cell, gap } = view.tiles;
  return {
    x: begins[unit][0] + (column + channel * data.tiles.columns) * cell + channel * gap,
    y: begins[unit][1] + row * cell, width: cell, height: cell,
  };
}

// The number of the input, or of the weight in a kernel, as the file counts them.
function inputOf(edge) {
  const { rows, columns, channels, channels_last: isLast } = data.tiles;
  const { row, channel, column } = placeOfCell(edge);
  return isLast ? (row * columns + column) * channels + channel : (channel * rows + row) * columns + column;
}

function cellName(edge) {
  const { unit, row, channel, column } = placeOfCell(edge);
  const at = `row ${row}, column ${column}${data.tiles.channels > 1 ? `, channel ${channel}` : ""}`;
  return data.tiles.is_kernel ? `kernel of ${nodeName(unit)}, ${at}` : `input (${at}) → ${nodeName(unit)}`;
}

const cellAddress = (edge) => `${data.layers[0].name}:${inputOf(edge)}-${data.nodes.neuron[placeOfCell(edge).unit]}`;

function buildTiles(nodes) {
  $("cells").hidden = false;
  drawnCells = null;
  const [x, y, width, height] = view.tiles.image;
  image = make("g", { class: "image" }, scene);
  make("rect", { x, y, width, height }, image);
  const [down, across] = view.tiles.pixels;
  for (let row = 1; row < down; row++) make("path", { d: `M${x} ${y + (row * height) / down}h${width}` }, image);
  for (let column = 1; column < across; column++) make("path", { d: `M${x + (column * width) / across} ${y}v${height}` }, image);
  cellRing = make("rect", { class: "ring", visibility: "hidden" }, scene);
  const { rows, columns, channels } = data.tiles;
  const { boxes, begins, cell, gap } = view.tiles;
  const inner = [columns * channels * cell + (channels - 1) * gap, rows * cell];
  return boxes.map(([left, top, wide, high], unit) => {
    // Ends of edges stay behind the frame; the cells lie below it, and are seen through it.
    const [from, upper] = begins[unit];
    const d = `M${left} ${top}h${wide}v${high}h${-wide}zM${from} ${upper}h${inner[0]}v${inner[1]}h${-inner[0]}z`;
    make("path", { class: "frame", d, "fill-rule": "evenodd" }, nodes);
    return make("rect", { class: "node", x: left, y: top, width: wide, height: high, role: "listitem", tabindex: -1 }, nodes);
  });
}

function drawTiles() {
  const canvas = $("cells");
  const dense = window.devicePixelRatio || 1;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight].map((length) => Math.round(length * dense));
  if (!drawnCells || canvas.width !== wide || canvas.height !== high) {
    [canvas.width, canvas.height] = [wide, high];
    drawnCells = new Int16Array(cellsOf()).fill(-1);
  }
  const context = canvas.getContext("2d");
  const scale = wide / view.size[0];
  const { signed: bySign, tile_domain: domain } = data.modes[state.mode];
  const table = colors("edge");
  for (let cell = 0; cell < drawnCells.length; cell++) {
    const edge = edgeCount + cell;
    const told = bySign ? at(weights, edge, state.position) : changeAt(weights, edge, state.position);
    const color = level(told, domain) + levels;
    if (color === drawnCells[cell]) continue;
    drawnCells[cell] = color;
    const { x, y, width, height } = boxOfCell(edge);
    const [left, top, right, bottom] = [x, y, x + width, y + height].map((each) => Math.round(each * scale));
    context.fillStyle = table[color];
    context.fillRect(left, top, right - left, bottom - top);
  }
}

// The cell or the unit at a point, or null.
function findTile({ x, y }) {
  const unit = view.tiles.boxes.findIndex(([left, top, wide, high]) =>
    x >= left && x <= left + wide && y >= top && y <= top + high);
  if (unit < 0) return null;
  const { rows, columns, channels } = data.tiles;
  const [left, top] = view.tiles.begins[unit];
  const { cell, gap } = view.tiles;
  const stride = columns * cell + gap;
  const channel = Math.floor((x - left) / stride);
  const [row, column] = [Math.floor((y - top) / cell), Math.floor((x - left - channel * stride) / cell)];
  if (row < 0 || row >= rows || channel < 0 || channel >= channels || column >= columns) return { kind: "neuron", index: unit };
  return { kind: "edge", index: edgeCount + ((unit * rows + row) * channels + channel) * columns + column };
}

function markTile(thing) {
  const isTile = thing && (thing.kind === "edge" ? isCell(thing.index) : thing.index < data.tiles.units);
  cellRing.setAttribute("visibility", isTile ? "visible" : "hidden");
  if (!isTile) return;
  const [left, top, wide, high] = thing.kind === "edge" ? [] : view.tiles.boxes[thing.index];
  const { x, y, width, height } = thing.kind === "edge" ? boxOfCell(thing.index) : { x: left, y: top, width: wide, height: high };
  const room = thing.kind === "edge" ? Math.max(0.7, (5 - width) / 2) : 3.5;
  const place = { x: x - room, y: y - room, width: width + 2 * room, height: height + 2 * room };
  for (const [key, value] of Object.entries(place)) cellRing.setAttribute(key, value);
}
