// The run: its numbers, its looks, its words. Every look comes from the tables in the page; nothing is fetched.

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const SVG = "http://www.w3.org/2000/svg";
const REACH = 9; // points around the pointer in which an edge is found
const STRONGEST = 5;

let data = null;
let count = 0; // snapshots
let edgeCount = 0;
let nodeCount = 0;
let weights = null;
let biases = null;
let tables = {};
let levels = 0;
let view = null; // the places of what is drawn, for this shape of a screen
let scene = null;

function make(name, attributes = {}, parent = null, text = null) {
  const element = name[0] === "+" ? document.createElement(name.slice(1)) : document.createElementNS(SVG, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== null) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

// Where a pointer is, in the units of a drawing.
function pointIn(svg, event) {
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
}

// A bar of colours between two words, with small print below; how high it is may depend on the share of its length.
function rampOf(parent, table, ends, print, high = () => 6, isColored = true) {
  parent.replaceChildren();
  const row = make("+div", { class: "row" }, parent);
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
  make("+p", { class: "print" }, parent, minus(print));
}

// The reader's font may be wider than the one that texts were measured in: what is too wide is narrowed.
function fitText(element, room) {
  if (element.getComputedTextLength() <= room) return;
  element.setAttribute("textLength", room);
  element.setAttribute("lengthAdjust", "spacingAndGlyphs");
}

// Base64 of deflated byte planes of differences of float32 bit patterns, one thing after the other, each along time.
async function unpack(text, planes, each) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const flat = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = flat.length / planes;
  const bits = new Uint32Array(length);
  const lowest = 4 - planes;
  for (let plane = 0; plane < planes; plane++) {
    const shift = 8 * (lowest + plane);
    const start = plane * length;
    for (let i = 0; i < length; i++) bits[i] |= flat[start + i] << shift;
  }
  for (let i = 0; i < length; i++) if (i % each) bits[i] += bits[i - 1];
  return new Float32Array(bits.buffer);
}

function tell(trouble) {
  $("trouble").textContent = trouble;
  $("trouble").hidden = false;
}

if (typeof DecompressionStream === "undefined") {
  tell("This browser is too old for this page: it needs Chrome 89, Firefox 113, Safari 16.4 or later.");
  throw new Error("no DecompressionStream");
}

async function unpackAll(told, texts) {
  return Promise.all(texts.map((text) => unpack(text, told.planes, told.titles.length)));
}

// Show this run from now on.
function adopt(told, numbers) {
  data = told;
  [weights, biases] = numbers;
  count = data.titles.length;
  edgeCount = data.edges.layer.length;
  nodeCount = data.nodes.neuron.length;
  tables = {};
  for (const mode in data.modes) {
    for (const theme in data.modes[mode].themes) {
      for (const what of ["edge", "ring"]) {
        const digits = data.modes[mode].themes[theme][what];
        tables[mode + theme + what] = digits.match(/.{6}/g).map((color) => "#" + color);
      }
    }
  }
  levels = (tables[data.color + "lightedge"].length - 1) / 2;
}

const toldFirst = JSON.parse($("data").textContent);
adopt(toldFirst, await unpackAll(toldFirst, [$("weights").textContent, $("biases").textContent]));

function at(values, thing, position) {
  const before = Math.floor(position);
  const share = position - before;
  const low = values[thing * count + before];
  return share ? low + share * (values[thing * count + before + 1] - low) : low;
}

// The step that changes are measured from: what the reader has pinned, or what the run was drawn since.
function referenceOf(index) {
  if (state.pinned !== null) return state.pinned;
  return data.since.which === "first" ? 0 : Math.max(index - 1, 0);
}
const sinceText = () => (state.pinned === null ? data.since.text : data.titles[state.pinned]);
const withSince = (text) => text.replace(data.since.text, sinceText());

function growth(values, thing, index) {
  const before = referenceOf(index);
  return Math.fround(Math.abs(values[thing * count + index]) - Math.abs(values[thing * count + before]));
}

function changeAt(values, thing, position) {
  const before = Math.floor(position);
  if (before === position) return growth(values, thing, before);
  if (data.since.which === "first" || state.pinned !== null) {
    return Math.abs(at(values, thing, position)) - Math.abs(values[thing * count + referenceOf(before)]);
  }
  const low = growth(values, thing, before);
  return low + (position - before) * (growth(values, thing, before + 1) - low);
}

// The shortest digits that are this float32 and no other; fewer where the page holds rounded numbers.
function exact(value) {
  if (data.planes < 4) return (value === 0 ? "0" : "≈ " + Number(value.toPrecision(data.planes === 3 ? 5 : 3)));
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}
// Two significant digits, as the pictures write them.
function twoDigits(value) {
  const [digits, exponent] = value.toExponential(1).split("e");
  const plain = Number(digits);
  const power = Number(exponent);
  if (power >= -4 && power < 2) return String(Number(value.toPrecision(2)));
  return `${plain}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
const minus = (text) => text.replace("-", "−");
const number = (value) => minus(exact(value));
const signed = (value) => (value > 0 ? "+" : "") + number(value);
const rounded = (value) => (Number.isFinite(value) ? minus(twoDigits(value)) : "–");
// A value as the legend rounds it, and in full for who points at it.
const told = (value) => [rounded(value), number(value)];
const toldSigned = (value) => [(value > 0 ? "+" : "") + rounded(value), signed(value)];

const domainOf = (domain, thing) => (Array.isArray(domain) ? domain[thing] : domain);
const level = (value, domain) => Math.round(levels * Math.max(-1, Math.min(1, value / domain)));

const wishesDark = matchMedia("(prefers-color-scheme: dark)");
const state = {
  position: count - 1, playing: false, speed: 1, mode: data.color, hovered: null, kept: null, pinned: null,
};
const isDark = () => root.dataset.theme === "dark" || (root.dataset.theme === "auto" && wishesDark.matches);
const colors = (what) => tables[state.mode + (isDark() ? "dark" : "light") + what];
const chosen = () => state.hovered || state.kept;

function nodeName(node) {
  const column = data.nodes.column[node];
  const place = (column ? data.layers[column - 1].name : "input") + " #" + data.nodes.neuron[node];
  return data.nodes.name[node] ? data.nodes.name[node] + " (" + place + ")" : place;
}
const edgeName = (edge) => nodeName(data.edges.tail[edge]) + " → " + nodeName(data.edges.head[edge]);
const edgeWord = (edge) => (data.layers[data.edges.layer[edge]].norm ? "norm" : "weight");
