// Time, wishes, keys.

function draw() {
  const index = Math.floor(state.position);
  $("time").textContent = data.titles[index];
  $("slider").value = index;
  const metrics = data.curves.map((curve) => `${curve.metric} ${curve.values[index]}`);
  $("slider").setAttribute("aria-valuetext", [data.titles[index], ...metrics].join(", "));
  if (view) drawing.draw();
  drawMoment();
  drawCurve();
  drawDetails();
}

function say() {
  if (state.playing) return;
  const index = Math.floor(state.position);
  const words = [momentAt(index) ? momentAt(index).says : data.titles[index], ...data.curves.map((curve) => `${curve.metric} ${curve.values[index]}`)];
  if (chosen()) {
    const told = drawing.facts(chosen());
    words.push(told.title, ...told.rows.map(([name, value]) => `${name} ${value}`));
  }
  $("spoken").textContent = words.join(", ");
}

function go(index) {
  pause();
  state.position = Math.max(0, Math.min(count - 1, index));
  draw();
  say();
  keepAddress();
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
  keepAddress();
}

function setMode(mode) {
  if (!data.modes[mode]) return;
  state.mode = mode;
  for (const input of $("modes").querySelectorAll("input")) input.checked = input.value === mode;
  repaint();
}

function repaint() {
  if (view) {
    drawing.repaint();
    drawing.legend();
  }
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
  keepAddress();
}

// What stands under another number in another drawing is found again by its name.
function remember(thing) {
  return thing && { kind: thing.kind, name: drawing.name(thing) };
}
function findAgain(known) {
  if (!known || !view) return null;
  for (let index = 0; index < drawing.count(known.kind); index++) {
    if (drawing.name({ kind: known.kind, index }) === known.name) return { kind: known.kind, index };
  }
  return null;
}

function fit() {
  if (!Object.keys(data.views).length) return;
  const wanted = $("network").clientWidth < 520 ? "narrow" : "wide";
  if ($("graph").dataset.view !== wanted) {
    const [kept, hovered] = [state.kept, state.hovered].map((thing) => view && remember(thing));
    drawing.build(wanted);
    [state.kept, state.hovered] = [kept, hovered].map(findAgain);
    shownMoment = null;
    draw();
  }
  drawing.legend();
  root.style.setProperty("--controls", $("controls").offsetHeight + "px");
}

// Keys that a control needs itself.
function isOwn(element, key) {
  if (element.matches("select")) return true;
  if (element.matches("button, summary")) return key === " ";
  if (element.matches("#slider")) return key.startsWith("Arrow") || key === "Home" || key === "End";
  return element.matches("input") && (key.startsWith("Arrow") || key === " ");
}

function walk(element, step) {
  const things = drawing.things(element.dataset.kind);
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
  c: () => setMode(Object.keys(data.modes).find((mode) => mode !== state.mode)),
  t: turnTheme,
  m: nextMoment,
  x: togglePin,
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
  if (!keys[event.key] || isOwn(target, event.key)) return;
  keys[event.key](event);
  event.preventDefault();
});

function introduce() {
  $("name").textContent = data.name;
  $("modes").hidden = Object.keys(data.modes).length < 2;
  $("remarks").textContent = data.remarks;
  $("slider").max = count - 1;
  $("rounded").textContent = "The run is long: numbers are rounded to fit into the page.";
  $("rounded").hidden = data.planes === 4;
  root.classList.toggle("without-network", !Object.keys(data.views).length);
  root.classList.toggle("without-curve", !data.axes);
  root.classList.toggle("of-layers", data.view === "layers");
  $("network").setAttribute("aria-label", { layers: "Layers", map: "Map", matrix: "Matrices" }[data.view] || "Network");
  for (const place of document.querySelectorAll(".thing")) place.textContent = drawing.thing;
  root.classList.toggle("without-moments", !data.moments.length);
  buildMarks();
  if (data.axes) buildCurve();
}

introduce();

$("play").addEventListener("click", keys[" "]);
$("first").addEventListener("click", keys.Home);
$("last").addEventListener("click", keys.End);
$("back").addEventListener("click", keys.ArrowLeft);
$("next").addEventListener("click", keys.ArrowRight);
$("slider").addEventListener("input", () => go(Number($("slider").value)));
$("speed").addEventListener("change", () => setSpeed(0));
$("modes").addEventListener("change", (event) => setMode(event.target.value));
$("theme").addEventListener("click", turnTheme);
$("pin").addEventListener("click", togglePin);
$("svg").addEventListener("click", saveSvg);
$("png").addEventListener("click", savePng);
wishesDark.addEventListener("change", repaint);
$("plot").addEventListener("pointerdown", (event) => { jump(event); event.currentTarget.setPointerCapture(event.pointerId); });
$("plot").addEventListener("pointermove", (event) => { if (event.buttons) jump(event); else read(event); });
$("plot").addEventListener("pointerleave", () => read(null));

const graph = $("graph");
const look = (thing) => {
  const now = state.hovered;
  if ((thing && now && thing.kind === now.kind && thing.index === now.index) || thing === now) return;
  state.hovered = thing;
  graph.style.cursor = thing ? "pointer" : "";
  drawDetails();
};
graph.addEventListener("pointermove", (event) => { if (event.pointerType !== "touch") look(drawing.find(event)); });
graph.addEventListener("pointerleave", () => look(null));
graph.addEventListener("click", (event) => keep(drawing.find(event)));
graph.addEventListener("focusin", (event) => {
  const { kind, index } = event.target.dataset;
  if (!kind || !event.target.matches(":focus-visible")) return;
  state.hovered = { kind, index: Number(index) };
  event.target.setAttribute("aria-label", drawing.name({ kind, index }));
  drawDetails();
  say();
});
graph.addEventListener("focusout", () => look(null));

$("still").remove();
document.querySelector("main").hidden = false;
setMode(data.color);
new ResizeObserver(fit).observe($("network"));
fit();
const isPlace = readAddress();
draw();
window.addEventListener("hashchange", () => {
  pause();
  readAddress();
  draw();
});
// Something that moves says what it is; who wants no motion, or came for one place, begins there.
const wishesStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
if (!isPlace && !wishesStill && !data.live) play();
root.dataset.ready = "true";

// In a notebook the frame is made as high as the page.
if (parent !== window) {
  const tellHeight = () => parent.postMessage({ nnanimHeight: Math.ceil(document.body.getBoundingClientRect().height) }, "*");
  new ResizeObserver(tellHeight).observe(document.body);
}
