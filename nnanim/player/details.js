// What is told of the edge or neuron that is pointed at.

function edgesOf(node) {
  const found = [];
  for (let edge = 0; edge < edgeCount; edge++) {
    if (data.edges.tail[edge] === node || data.edges.head[edge] === node) found.push(edge);
  }
  const strength = (edge) => Math.abs(at(weights, edge, state.position));
  return found.sort((a, b) => strength(b) - strength(a)).slice(0, STRONGEST);
}

function facts() {
  const thing = chosen();
  if (thing.kind === "row") return rowFacts(thing.index);
  const position = state.position;
  if (thing.kind === "edge") {
    const word = edgeWord(thing.index);
    return {
      title: edgeName(thing.index),
      values: weights,
      rows: [
        [word, number(at(weights, thing.index, position))],
        [`|${word}| since ${data.since.text}`, signed(changeAt(weights, thing.index, position))],
      ],
      strongest: [],
    };
  }
  const bias = at(biases, thing.index, position);
  const rows = Number.isNaN(bias) ? [["bias", "none"]] : [
    ["bias", number(bias)],
    [`|bias| since ${data.since.text}`, signed(changeAt(biases, thing.index, position))],
  ];
  return { title: nodeName(thing.index), values: Number.isNaN(bias) ? null : biases, rows,
    strongest: edgesOf(thing.index) };
}

function drawDetails() {
  const thing = chosen();
  $("hint").hidden = Boolean(thing);
  for (const id of ["what", "facts", "strongest"]) $(id).hidden = !thing;
  $("details").dataset.thing = thing ? thing.kind + thing.index : "";
  if (scene) scene.classList.toggle("chosen", Boolean(thing));
  if (halo) halo.setAttribute("visibility", thing && thing.kind === "node" ? "visible" : "hidden");
  for (const line of scene ? scene.querySelectorAll(".hot") : []) line.classList.remove("hot");
  if (!thing) {
    $("history").toggleAttribute("hidden", true);
    return;
  }
  const told = facts();
  $("what").textContent = told.title;
  $("facts").replaceChildren();
  for (const [name, value] of told.rows) {
    make("+dt", {}, $("facts"), name);
    make("+dd", {}, $("facts"), value);
  }
  $("strongest").replaceChildren();
  if (told.strongest.length) make("+li", {}, $("strongest"), "strongest edges");
  for (const edge of told.strongest) {
    const row = make("+li", {}, $("strongest"));
    const tail = data.edges.tail[edge];
    make("+span", {}, row, tail === thing.index ? "→ " + nodeName(data.edges.head[edge]) : "← " + nodeName(tail));
    make("+span", {}, row, number(at(weights, edge, state.position)));
    lines[edge].classList.add("hot");
  }
  if (thing.kind === "row") rowGroups[thing.index].classList.add("hot");
  else if (thing.kind === "edge") lines[thing.index].classList.add("hot");
  else {
    const [x, y, r] = view.circles[thing.index];
    for (const [key, value] of Object.entries({ cx: x, cy: y, r: r + 5 })) halo.setAttribute(key, value);
  }
  $("history").toggleAttribute("hidden", !told.values || count < 2);
  if (told.values && count > 1) drawHistory(told.values, thing.index, told.word || told.rows[0][0], told.ends || threeDigits);
}

const threeDigits = (value) => minus(String(Number(value.toPrecision(3))));

function drawHistory(values, thing, word, write) {
  const own = values.subarray(thing * count, (thing + 1) * count);
  const [least, most] = [own.reduce((a, b) => Math.min(a, b)), own.reduce((a, b) => Math.max(a, b))];
  const [low, high] = least === most && !least ? [0, 1] : [Math.min(0, least), Math.max(0, most)];
  const x = (index) => 8 + (284 * index) / (count - 1);
  const y = (value) => 14 + (62 * (high - value)) / (high - low);
  const svg = $("history");
  svg.replaceChildren();
  make("line", { class: "zero", x1: 8, x2: 292, y1: y(0), y2: y(0) }, svg);
  // Of many snapshots in one point only the outermost are seen.
  const step = Math.max(1, Math.floor(count / 284));
  let path = "";
  for (let start = 0; start < count; start += step) {
    let [lowest, highest] = [start, start];
    for (let index = start; index < Math.min(start + step, count); index++) {
      if (own[index] < own[lowest]) lowest = index;
      if (own[index] > own[highest]) highest = index;
    }
    for (const index of new Set([Math.min(lowest, highest), Math.max(lowest, highest)])) {
      path += (path ? "L" : "M") + x(index).toFixed(1) + " " + y(own[index]).toFixed(1);
    }
  }
  make("path", { class: "curve0", d: path }, svg);
  const now = at(values, thing, state.position);
  make("circle", { class: "dot", cx: x(state.position), cy: y(now), r: 5 }, svg);
  const ends = [least, most].map(write);
  make("text", { x: 8, y: 94 }, svg, `${ends[0]} … ${ends[1]}, dashed: 0`);
  svg.setAttribute(
    "aria-label",
    `History of this ${word}: first ${number(own[0])}, last ${number(own[count - 1])}, from ${ends[0]} to ${ends[1]}`,
  );
}
