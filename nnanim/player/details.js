// What is told of the edge, neuron or row that is pointed at.

function drawDetails() {
  const thing = chosen();
  $("hint").hidden = Boolean(thing);
  for (const id of ["what", "facts", "strongest"]) $(id).hidden = !thing;
  $("details").dataset.thing = thing ? thing.kind + thing.index : "";
  if (scene) scene.classList.toggle("chosen", Boolean(thing));
  for (const line of scene ? scene.querySelectorAll(".hot") : []) line.classList.remove("hot");
  if (view) drawing.mark(thing);
  if (!thing) {
    for (const id of ["history", "spread"]) $(id).toggleAttribute("hidden", true);
    return;
  }
  const told = drawing.facts(thing);
  $("what").textContent = told.title;
  $("facts").replaceChildren();
  for (const [name, value, whole] of told.rows) {
    make("+dt", {}, $("facts"), name);
    make("+dd", whole ? { title: whole } : {}, $("facts"), value);
  }
  $("strongest").replaceChildren();
  const strongest = told.strongest || [];
  if (strongest.length) make("+li", {}, $("strongest"), "strongest edges");
  for (const edge of strongest) {
    const row = make("+li", {}, $("strongest"));
    const tail = data.edges.tail[edge];
    make("+span", {}, row, tail === thing.index ? "→ " + nodeName(data.edges.head[edge]) : "← " + nodeName(tail));
    const weight = at(weights, edge, state.position);
    make("+span", { title: number(weight) }, row, rounded(weight));
  }
  $("history").toggleAttribute("hidden", !told.values || count < 2);
  if (told.values && count > 1) drawHistory(told.values, told.at ?? thing.index, told.word || told.rows[0][0], told.ends || rounded);
  drawSpread(told.spread || null);
}

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
  if (state.pinned !== null) {
    make("circle", { class: "dot hollow", cx: x(state.pinned), cy: y(at(values, thing, state.pinned)), r: 5 }, svg);
  }
  make("circle", { class: "dot", cx: x(state.position), cy: y(now), r: 5 }, svg);
  const ends = [least, most].map(write);
  fitText(make("text", { x: 8, y: 95 }, svg, `${ends[0]} … ${ends[1]}, dashed: 0`), 284);
  svg.setAttribute(
    "aria-label",
    `History of this ${word}: first ${rounded(own[0])}, last ${rounded(own[count - 1])}, from ${ends[0]} to ${ends[1]}`,
  );
}
