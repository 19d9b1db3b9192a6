"use strict";
// Shows one run: the drawing is Graphviz's, every look comes from the tables in the page, nothing is fetched.
(async () => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const root = document.documentElement;
  const SVG = "http://www.w3.org/2000/svg";
  const count = data.titles.length;
  const edgeCount = data.edges.layer.length;
  const nodeCount = data.nodes.neuron.length;
  const REACH = 9; // points around the pointer in which an edge is found
  const STRONGEST = 5;

  function make(name, attributes = {}, parent = null, text = null) {
    const element = name[0] === "+" ? document.createElement(name.slice(1)) : document.createElementNS(SVG, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== null) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  }

  // ---- numbers ------------------------------------------------------------------------------------------------------

  // Base64 of deflated byte planes of differences of float32 bit patterns, one thing after the other, each along time.
  async function unpack(id) {
    const text = $(id).textContent;
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const flat = new Uint8Array(await new Response(stream).arrayBuffer());
    const length = flat.length / data.planes;
    const bits = new Uint32Array(length);
    const lowest = 4 - data.planes;
    for (let plane = 0; plane < data.planes; plane++) {
      const shift = 8 * (lowest + plane);
      const start = plane * length;
      for (let i = 0; i < length; i++) bits[i] |= flat[start + i] << shift;
    }
    for (let i = 0; i < length; i++) if (i % count) bits[i] += bits[i - 1];
    return new Float32Array(bits.buffer);
  }

  function tell(trouble) {
    $("trouble").textContent = trouble;
    $("trouble").hidden = false;
  }

  if (typeof DecompressionStream === "undefined") {
    tell("This browser is too old for this page: it needs Chrome 80, Firefox 113, Safari 16.4 or later.");
    return;
  }
  const weights = await unpack("weights");
  const biases = await unpack("biases");

  function at(values, thing, position) {
    const before = Math.floor(position);
    const share = position - before;
    const low = values[thing * count + before];
    return share ? low + share * (values[thing * count + before + 1] - low) : low;
  }

  function growth(values, thing, index) {
    const before = data.since.which === "first" ? 0 : Math.max(index - 1, 0);
    return Math.fround(Math.abs(values[thing * count + index]) - Math.abs(values[thing * count + before]));
  }

  function changeAt(values, thing, position) {
    const before = Math.floor(position);
    if (before === position) return growth(values, thing, before);
    if (data.since.which === "first") {
      return Math.abs(at(values, thing, position)) - Math.abs(values[thing * count]);
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
  const minus = (text) => text.replace("-", "−");
  const number = (value) => minus(exact(value));
  const signed = (value) => (value > 0 ? "+" : "") + number(value);

  // ---- looks --------------------------------------------------------------------------------------------------------

  const tables = {};
  for (const mode in data.modes) {
    for (const theme in data.modes[mode].themes) {
      for (const what of ["edge", "ring"]) {
        const digits = data.modes[mode].themes[theme][what];
        tables[mode + theme + what] = digits.match(/.{6}/g).map((color) => "#" + color);
      }
    }
  }
  const levels = (tables[data.color + "lightedge"].length - 1) / 2;
  const domainOf = (domain, thing) => (Array.isArray(domain) ? domain[thing] : domain);
  const level = (value, domain) => Math.round(levels * Math.max(-1, Math.min(1, value / domain)));

  const wishesDark = matchMedia("(prefers-color-scheme: dark)");
  const state = { position: count - 1, playing: false, speed: 1, mode: data.color, hovered: null, kept: null };
  const isDark = () => root.dataset.theme === "dark" || (root.dataset.theme === "auto" && wishesDark.matches);
  const colors = (what) => tables[state.mode + (isDark() ? "dark" : "light") + what];
  const chosen = () => state.hovered || state.kept;

  // ---- words --------------------------------------------------------------------------------------------------------

  function nodeName(node) {
    const column = data.nodes.column[node];
    const place = (column ? data.layers[column - 1].name : "input") + " " + data.nodes.neuron[node];
    return data.nodes.name[node] ? data.nodes.name[node] + " (" + place + ")" : place;
  }
  const edgeName = (edge) => nodeName(data.edges.tail[edge]) + " → " + nodeName(data.edges.head[edge]);
  const edgeWord = (edge) => (data.layers[data.edges.layer[edge]].norm ? "norm" : "weight");

  // ---- network ------------------------------------------------------------------------------------------------------

  let view = null;
  let lines = [];
  let circles = [];
  let halo = null;
  let scene = null;
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
    circles = view.circles.map(([cx, cy, r]) =>
      make("circle", { class: "node", cx, cy, r, role: "listitem", tabindex: -1 }, nodes));
    for (const [things, kind] of [[lines, "edge"], [circles, "node"]]) {
      things.forEach((element, index) => {
        element.dataset.kind = kind;
        element.dataset.index = index;
      });
      if (things.length) things[0].setAttribute("tabindex", 0);
    }
    for (const [x, y] of view.left_out) {
      for (const step of [-4, 0, 4]) make("circle", { class: "mark", cx: x, cy: y + step, r: 1.4 }, scene);
    }
    for (const { x, size, lines: texts } of view.captions) {
      texts.forEach((text, row) => make("text", {
        x, y: view.captions_y + 1.15 * row * view.text, "font-size": size, "text-anchor": "middle",
        "dominant-baseline": "middle",
      }, scene, text));
    }
    const last = data.nodes.column[nodeCount - 1];
    [0, last].forEach((column, side) => {
      const own = view.circles.filter((_, node) => data.nodes.column[node] === column);
      view.labels[side].forEach((text, row) => make("text", {
        class: "label", x: own[row][0] + (side ? 1 : -1) * view.label_offset, y: own[row][1], "font-size": view.text,
        "text-anchor": side ? "start" : "end", "dominant-baseline": "central",
      }, scene, text));
    });
    drawnWidths = new Int16Array(edgeCount).fill(-1);
    drawnColors = new Int16Array(edgeCount).fill(-1);
  }

  function drawNetwork() {
    if (!view) return;
    const mode = data.modes[state.mode];
    const edgeColors = colors("edge");
    const byChange = state.mode === "change";
    for (let edge = 0; edge < edgeCount; edge++) {
      const weight = at(weights, edge, state.position);
      const wide = level(Math.abs(weight), domainOf(data.width_domain, edge));
      const told = byChange ? changeAt(weights, edge, state.position) : weight;
      const color = level(told, domainOf(mode.domain, edge)) + levels;
      if (wide !== drawnWidths[edge]) lines[edge].setAttribute("stroke-width", view.widths[(drawnWidths[edge] = wide)]);
      if (color !== drawnColors[edge]) lines[edge].setAttribute("stroke", edgeColors[(drawnColors[edge] = color)]);
    }
    const ringColors = colors("ring");
    for (let node = 0; node < nodeCount; node++) {
      const bias = view.rings ? at(biases, node, state.position) : NaN;
      const has = !Number.isNaN(bias);
      const told = byChange ? changeAt(biases, node, state.position) : bias;
      const width = has ? view.rings[level(Math.abs(bias), data.ring_domain)] : view.thinnest_ring;
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
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform($("graph").getScreenCTM().inverse());
    let best = null;
    let nearest = REACH;
    view.circles.forEach(([x, y, r], index) => {
      const far = Math.hypot(point.x - x, point.y - y) - r;
      if (far < 2) best = { kind: "node", index };
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

  // ---- details ------------------------------------------------------------------------------------------------------

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
    if (thing.kind === "edge") lines[thing.index].classList.add("hot");
    else {
      const [x, y, r] = view.circles[thing.index];
      for (const [key, value] of Object.entries({ cx: x, cy: y, r: r + 5 })) halo.setAttribute(key, value);
    }
    $("history").toggleAttribute("hidden", !told.values || count < 2);
    if (told.values && count > 1) drawHistory(told.values, thing.index, told.rows[0][0]);
  }

  function drawHistory(values, thing, word) {
    const own = values.subarray(thing * count, (thing + 1) * count);
    let [low, high] = [0, 0];
    for (const value of own) [low, high] = [Math.min(low, value), Math.max(high, value)];
    if (low === high) high = low + 1;
    const x = (index) => 8 + (284 * index) / (count - 1);
    const y = (value) => 14 + (62 * (high - value)) / (high - low);
    const svg = $("history");
    svg.replaceChildren();
    make("line", { class: "zero", x1: 8, x2: 292, y1: y(0), y2: y(0) }, svg);
    // Of many snapshots in one point only the outermost are seen.
    const step = Math.max(1, Math.floor(count / 284));
    let path = "";
    for (let start = 0; start < count; start += step) {
      let [least, most] = [start, start];
      for (let index = start; index < Math.min(start + step, count); index++) {
        if (own[index] < own[least]) least = index;
        if (own[index] > own[most]) most = index;
      }
      for (const index of least < most ? [least, most] : most < least ? [most, least] : [least]) {
        path += (path ? "L" : "M") + x(index).toFixed(1) + " " + y(own[index]).toFixed(1);
      }
    }
    make("path", { class: "curve0", d: path }, svg);
    const now = at(values, thing, state.position);
    make("circle", { class: "dot", cx: x(state.position), cy: y(now), r: 5 }, svg);
    make("text", { x: 8, y: 89 }, svg, minus("0 = dashed · from " + low.toPrecision(3)) + " to " + minus(high.toPrecision(3)));
    const ends = [own[0], own[count - 1]].map(number);
    svg.setAttribute("aria-label", `history of this ${word}: first ${ends[0]}, last ${ends[1]}`);
  }

  // ---- curve --------------------------------------------------------------------------------------------------------

  const plot = { left: 46, right: data.axes && data.axes.y.length > 1 ? 354 : 388, top: 10, bottom: 222 };
  const dots = [];
  const metricValues = [];
  let passed = null;

  const plotX = (value) => {
    const [low, high] = data.axes.x_limits;
    return plot.left + ((value - low) / (high - low)) * (plot.right - plot.left);
  };
  const plotY = (value, side) => {
    const [low, high] = data.axes.y[side].limits;
    return plot.bottom - ((value - low) / (high - low)) * (plot.bottom - plot.top);
  };

  function buildCurve() {
    const svg = $("plot");
    svg.setAttribute("aria-label", data.curves.map((curve) => curve.metric).join(", ") + " over " + data.axes.x_label);
    const { left, right, top, bottom } = plot;
    make("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }, svg);
    for (const [value, text] of data.axes.x_ticks) {
      make("path", { class: "axis", d: `M${plotX(value)} ${bottom}v4` }, svg);
      make("text", { x: plotX(value), y: bottom + 18, "text-anchor": "middle" }, svg, text);
    }
    make("text", { x: (left + right) / 2, y: bottom + 40, "text-anchor": "middle" }, svg, data.axes.x_label);
    data.axes.y.forEach(({ ticks }, side) => {
      if (side) make("path", { class: "axis", d: `M${right} ${top}V${bottom}` }, svg);
      for (const [value, text] of ticks) {
        const y = plotY(value, side);
        make("path", { class: "axis", d: side ? `M${right} ${y}h4` : `M${left} ${y}h-4` }, svg);
        make("text", {
          x: side ? right + 8 : left - 8, y, "text-anchor": side ? "start" : "end", "dominant-baseline": "central",
        }, svg, text);
      }
    });
    const clip = make("clipPath", { id: "until" }, make("defs", {}, svg));
    passed = make("rect", { x: 0, y: 0, width: 0, height: 270 }, clip);
    const upTo = make("g", { "clip-path": "url(#until)" });
    for (const curve of data.curves) {
      let path = "";
      let open = false;
      curve.x.forEach((value, index) => {
        const y = curve.y[index];
        if (y !== null) {
          path += (open ? "L" : "M") + plotX(value).toFixed(1) + " " + plotY(y, curve.axis).toFixed(1);
        }
        open = y !== null;
      });
      const looks = `curve${curve.axis}` + (curve.held_out ? " held-out" : "");
      make("path", { class: looks + " ahead", d: path }, svg);
      make("path", { class: looks, d: path }, upTo);
      const sample = make("svg", { viewBox: "0 0 28 12", "aria-hidden": "true" }, $("metrics"));
      make("path", { class: looks, d: "M0 6H28" }, sample);
      make("+dt", {}, $("metrics"), curve.metric);
      metricValues.push(make("+dd", {}, $("metrics")));
    }
    svg.append(upTo);
    for (const curve of data.curves) {
      dots.push(make("circle", { class: curve.held_out ? "dot hollow" : "dot", r: curve.held_out ? 5 : 6 }, svg));
    }
  }

  function between(values, position) {
    const before = Math.floor(position);
    const [low, high] = [values[before], values[Math.min(before + 1, count - 1)]];
    if (before === position || low === null) return low;
    return high === null ? null : low + (position - before) * (high - low);
  }

  function drawCurve() {
    if (!data.axes) return;
    const x = between(data.curve_x, state.position);
    passed.setAttribute("width", x === null ? 0 : Math.max(0, plotX(x)));
    data.curves.forEach((curve, index) => {
      metricValues[index].textContent = curve.values[Math.round(state.position)];
      const y = between(curve.dots, state.position);
      dots[index].setAttribute("visibility", x === null || y === null ? "hidden" : "visible");
      if (x === null || y === null) return;
      dots[index].setAttribute("cx", plotX(x));
      dots[index].setAttribute("cy", plotY(y, curve.axis));
    });
  }

  function jump(event) {
    const svg = $("plot");
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    let nearest = -1;
    data.curve_x.forEach((x, index) => {
      if (x === null) return;
      const far = Math.abs(plotX(x) - point.x);
      if (nearest < 0 || far < Math.abs(plotX(data.curve_x[nearest]) - point.x)) nearest = index;
    });
    if (nearest >= 0) go(nearest);
  }

  // ---- legend -------------------------------------------------------------------------------------------------------

  function drawLegend() {
    if (!view) return;
    const legend = data.modes[state.mode].legend;
    const table = colors("edge");
    $("ramp").replaceChildren();
    $("ramp").hidden = !legend.ramp;
    if (legend.ramp) {
      const row = make("+div", { class: "row" }, $("ramp"));
      make("+span", {}, row, legend.ramp[0]).style.color = table[0];
      const bar = make("svg", {
        viewBox: "0 0 41 6", preserveAspectRatio: "none", "shape-rendering": "crispEdges", "aria-hidden": "true",
      }, row);
      for (let step = 0; step <= 40; step++) {
        const fill = table[Math.round((step / 40) * (table.length - 1))];
        make("rect", { x: step, y: 0, width: 1.1, height: 6, fill }, bar);
      }
      make("+span", {}, row, legend.ramp[1]).style.color = table[table.length - 1];
      make("+p", { class: "print" }, $("ramp"), minus(legend.ramp_print));
    }
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

  // ---- time ---------------------------------------------------------------------------------------------------------

  function draw() {
    const index = Math.floor(state.position);
    $("time").textContent = data.titles[index];
    $("slider").value = index;
    const metrics = data.curves.map((curve) => `${curve.metric} ${curve.values[index]}`);
    $("slider").setAttribute("aria-valuetext", [data.titles[index], ...metrics].join(", "));
    drawNetwork();
    drawCurve();
    drawDetails();
  }

  function say() {
    if (state.playing) return;
    const index = Math.floor(state.position);
    const words = [data.titles[index], ...data.curves.map((curve) => `${curve.metric} ${curve.values[index]}`)];
    if (chosen()) {
      const told = facts();
      words.push(told.title, ...told.rows.map(([name, value]) => `${name} ${value}`));
    }
    $("spoken").textContent = words.join(", ");
  }

  function go(index) {
    pause();
    state.position = Math.max(0, Math.min(count - 1, index));
    draw();
    say();
  }

  let shownSince = 0; // when the snapshot that is shown began, in milliseconds of the page's clock
  let request = 0;

  function tick(now) {
    let index = Math.floor(state.position);
    let long = data.durations_ms[index] / state.speed;
    let moved = false;
    while (now - shownSince >= long) {
      shownSince += long;
      moved = true;
      if (index === count - 1) {
        if (!data.loop || count === 1) {
          state.position = index;
          pause();
          return;
        }
        index = 0;
        shownSince = now;
      } else index += 1;
      long = data.durations_ms[index] / state.speed;
    }
    const share = data.smooth && index < count - 1 ? (now - shownSince) / long : 0;
    state.position = index + share;
    if (moved || share) draw();
    request = requestAnimationFrame(tick);
  }

  function play() {
    if (state.playing || count === 1) return;
    if (state.position >= count - 1) state.position = 0;
    state.playing = true;
    root.classList.add("playing");
    $("play").setAttribute("aria-label", "Pause");
    shownSince = performance.now();
    draw();
    request = requestAnimationFrame(tick);
  }

  function pause() {
    if (!state.playing) return;
    cancelAnimationFrame(request);
    state.playing = false;
    state.position = Math.floor(state.position);
    root.classList.remove("playing");
    $("play").setAttribute("aria-label", "Play");
    draw();
    say();
  }

  // ---- wishes -------------------------------------------------------------------------------------------------------

  function setMode(mode) {
    state.mode = mode;
    for (const input of $("modes").querySelectorAll("input")) input.checked = input.value === mode;
    repaint();
  }

  function repaint() {
    drawnColors.fill(-1);
    drawLegend();
    draw();
  }

  function setSpeed(step) {
    const select = $("speed");
    select.selectedIndex = Math.max(0, Math.min(select.options.length - 1, select.selectedIndex + step));
    state.speed = Number(select.value);
  }

  function turnTheme() {
    root.dataset.theme = isDark() ? "light" : "dark";
    repaint();
  }

  function keep(thing) {
    const same = thing && state.kept && thing.kind === state.kept.kind && thing.index === state.kept.index;
    state.kept = same ? null : thing;
    drawDetails();
    say();
  }

  function fit() {
    if (!Object.keys(data.views).length) return;
    const wanted = $("network").clientWidth < 520 ? "narrow" : "wide";
    if ($("graph").dataset.view !== wanted) {
      buildNetwork(wanted);
      draw();
    }
    drawLegend();
  }

  // ---- keys ---------------------------------------------------------------------------------------------------------

  const isEdited = (element) => element.matches("input, select, textarea");

  function walk(element, step) {
    const things = element.dataset.kind === "edge" ? lines : circles;
    const next = things[(Number(element.dataset.index) + step + things.length) % things.length];
    for (const thing of things) thing.setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
  }

  const keys = {
    " ": () => (state.playing ? pause() : play()),
    ArrowLeft: (event) => go(Math.floor(state.position) - (event.shiftKey ? 10 : 1)),
    ArrowRight: (event) => go(Math.floor(state.position) + (event.shiftKey ? 10 : 1)),
    Home: () => go(0),
    End: () => go(count - 1),
    "+": () => setSpeed(1),
    "-": () => setSpeed(-1),
    c: () => setMode(state.mode === "change" ? "sign" : "change"),
    t: turnTheme,
    Escape: () => { state.hovered = null; keep(null); },
  };
  const inNetwork = {
    ArrowDown: (element) => walk(element, 1),
    ArrowUp: (element) => walk(element, -1),
    PageDown: (element) => walk(element, 10),
    PageUp: (element) => walk(element, -10),
    Enter: (element) => keep({ kind: element.dataset.kind, index: Number(element.dataset.index) }),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    if (target.dataset && target.dataset.kind && inNetwork[event.key]) {
      inNetwork[event.key](target);
      event.preventDefault();
      return;
    }
    const own = isEdited(target) && !(target.id === "slider" && [" ", "c", "t", "+", "-", "Escape"].includes(event.key));
    if (own || (event.key === " " && target.matches("button, summary")) || !keys[event.key]) return;
    keys[event.key](event);
    event.preventDefault();
  });

  // ---- begin --------------------------------------------------------------------------------------------------------

  $("name").textContent = data.name;
  $("remarks").textContent = data.remarks;
  $("slider").max = count - 1;
  if (data.planes < 4) {
    $("rounded").textContent = "The run is long: numbers are rounded to fit into the page.";
    $("rounded").hidden = false;
  }
  root.classList.toggle("without-network", !Object.keys(data.views).length);
  root.classList.toggle("without-curve", !data.axes);
  if (data.axes) buildCurve();

  $("play").addEventListener("click", keys[" "]);
  $("first").addEventListener("click", keys.Home);
  $("last").addEventListener("click", keys.End);
  $("back").addEventListener("click", keys.ArrowLeft);
  $("next").addEventListener("click", keys.ArrowRight);
  $("slider").addEventListener("input", () => go(Number($("slider").value)));
  $("speed").addEventListener("change", () => setSpeed(0));
  $("modes").addEventListener("change", (event) => setMode(event.target.value));
  $("theme").addEventListener("click", turnTheme);
  wishesDark.addEventListener("change", repaint);
  $("plot").addEventListener("pointerdown", (event) => { jump(event); event.currentTarget.setPointerCapture(event.pointerId); });
  $("plot").addEventListener("pointermove", (event) => { if (event.buttons) jump(event); });

  const graph = $("graph");
  const look = (thing) => {
    const now = state.hovered;
    if ((thing && now && thing.kind === now.kind && thing.index === now.index) || thing === now) return;
    state.hovered = thing;
    graph.style.cursor = thing ? "pointer" : "";
    drawDetails();
  };
  graph.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") look(find(event)); });
  graph.addEventListener("pointerleave", () => look(null));
  graph.addEventListener("click", (event) => keep(find(event)));
  graph.addEventListener("focusin", (event) => {
    const { kind, index } = event.target.dataset;
    if (!kind || !event.target.matches(":focus-visible")) return;
    state.hovered = { kind, index: Number(index) };
    event.target.setAttribute("aria-label", kind === "edge" ? edgeName(index) : nodeName(index));
    drawDetails();
    say();
  });
  graph.addEventListener("focusout", () => look(null));

  setMode(data.color);
  new ResizeObserver(fit).observe($("network"));
  fit();
  draw();
  root.dataset.ready = "true";
})();
