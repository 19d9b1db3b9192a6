// A map: boxes and arrows where Graphviz laid them out, a box for each weight; colours and borders change.

let boxGroups = [];
let boxParts = [];

function buildMap(name) {
  view = data.views[name];
  const [width, height] = view.size;
  const graph = $("graph");
  graph.setAttribute("viewBox", `0 0 ${width} ${height}`);
  graph.setAttribute("aria-label", "Map of the weights, dark where they have moved far");
  graph.dataset.view = name;
  graph.replaceChildren();
  scene = make("g", {}, graph);
  for (const [x, y, wide, high] of view.clusters) {
    make("rect", { class: "cluster", x, y, width: wide, height: high }, scene);
  }
  for (const [curve, head] of view.arrows) {
    make("path", { class: "arrow", d: `M${curve.slice(0, 2)}C${curve.slice(2)}` }, scene);
    make("polygon", { class: "arrow head", points: head }, scene);
  }
  for (const [x, y, size, text] of view.names) {
    make("text", { x, y, "font-size": size, "dominant-baseline": "hanging" }, scene, text);
  }
  const list = make("g", { id: "boxes", role: "list", "aria-label": "Weights" }, scene);
  boxGroups = [];
  boxParts = view.boxes.map((_, box) => buildBox(list, box));
}

function buildBox(list, box) {
  const [x, y, width, height] = view.boxes[box];
  const isWeight = box < view.rows.length; // others are sums and the like on the way
  const group = make("g", isWeight ? {
    class: "tensor", role: "listitem", tabindex: box ? -1 : 0, "aria-label": boxName(box), "data-kind": "box",
    "data-index": box,
  } : {}, list);
  if (isWeight) boxGroups.push(group);
  if (isWeight) {
    const around = 3.6 * view.scale;
    make("rect", {
      class: "halo", x: x - around, y: y - around, width: width + 2 * around, height: height + 2 * around,
    }, group);
  }
  const stripes = isWeight && view.striped[box] ? view.groups[box].map((row, place, rows) => [
    row,
    make("rect", { x: x + (place * width) / rows.length, y, width: width / rows.length, height }, group),
  ]) : [];
  const body = make("rect", { class: isWeight ? "body" : "join", x, y, width, height }, group);
  const texts = view.lines[box].map(([left, middle, size, text]) => {
    const looks = { x: left, y: middle, "font-size": size, "text-anchor": "middle", "dominant-baseline": "central" };
    const element = make("text", looks, group, text);
    fitText(element, width);
    if (stripes.length) { // no colour can be read on all of them
      const wide = Math.min(width, element.getComputedTextLength() + 0.4 * size);
      const plate = { class: "plate", x: left - wide / 2, y: middle - 0.6 * size, width: wide, height: 1.2 * size };
      element.before(make("rect", plate));
    }
    return element;
  });
  return { body, stripes, texts, isWeight };
}

const boxName = (box) => data.rows[view.rows[box]].name;

function fillOf(row, table) {
  const change = changes(row, state.position);
  return Number.isFinite(change) ? table[Math.round(movedShare(change) * (table.length - 1))] : "var(--background)";
}

// Which of ink and background can be read better on a colour.
function readableOn(fill) {
  if (fill[0] !== "#") return "var(--ink)";
  const light = [1, 3, 5].map((place) => {
    const share = parseInt(fill.slice(place, place + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const wantsDark = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] > 0.179;
  return wantsDark === isDark() ? "var(--background)" : "var(--ink)";
}

function drawMap() {
  const table = movedTables[isDark() ? "dark" : "light"];
  const lineColors = colors("edge");
  const domain = data.modes[state.mode].domain;
  const [thin, thick] = data.border;
  boxParts.forEach(({ body, stripes, texts, isWeight }, box) => {
    if (!isWeight) return;
    const row = view.rows[box];
    const growth = growths(row, state.position);
    const known = Number.isNaN(growth) ? 0 : growth;
    const share = (Math.max(-1, Math.min(1, known / domain)) + 1) / 2;
    const fill = fillOf(row, table);
    body.setAttribute("fill", stripes.length ? "none" : fill);
    body.setAttribute("stroke", lineColors[level(known, domain) + levels]);
    body.setAttribute("stroke-width", (thin + (thick - thin) * share) * view.scale);
    for (const [weight, stripe] of stripes) stripe.setAttribute("fill", fillOf(weight, table));
    for (const text of texts) text.style.fill = stripes.length ? "var(--ink)" : readableOn(fill);
  });
}

function findBox(event) {
  const { x, y } = pointIn($("graph"), event);
  const index = view.rows.findIndex((_, box) => {
    const [left, top, width, height] = view.boxes[box];
    return x >= left && x <= left + width && y >= top && y <= top + height;
  });
  return index < 0 ? null : { kind: "box", index };
}

const drawing = {
  thing: "a box",
  build: buildMap,
  draw: drawMap,
  repaint: () => {},
  legend: rowLegend,
  find: findBox,
  facts: ({ index }) => rowFacts({ index: view.rows[index] }),
  mark: (thing) => thing && boxGroups[thing.index].classList.add("hot"),
  standOut: (things) => boxGroups.forEach((group, box) => {
    group.classList.toggle("stands", view.groups[box].some((weight) => things.includes(weight)));
  }),
  things: () => boxGroups,
  kinds: ["box"],
  count: () => boxGroups.length,
  address: ({ index }) => boxName(index),
  name: ({ index }) => boxName(index),
};
