// Several runs side by side: the picture's own motion, stopped and set to the moment of the slider.

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const SVG = "http://www.w3.org/2000/svg";
const data = JSON.parse($("data").textContent);
const count = data.moments.length;
const motions = $("picture").getAnimations({ subtree: true });
for (const motion of motions) motion.pause();

const starts = [];
let total = 0;
for (const duration of data.durations_ms) {
  starts.push(total);
  total += duration;
}

const rows = data.runs.map((run) => {
  const row = $("runs").tBodies[0].insertRow();
  const name = row.appendChild(document.createElement("th"));
  name.scope = "row";
  const swatch = name.appendChild(document.createElementNS(SVG, "svg"));
  swatch.setAttribute("class", "swatch");
  swatch.setAttribute("aria-hidden", "true");
  const area = swatch.appendChild(document.createElementNS(SVG, "rect"));
  for (const side of ["width", "height"]) area.setAttribute(side, "12");
  area.setAttribute("fill", run.color);
  name.append(run.name);
  return { shown: row.insertCell(), value: row.insertCell() };
});

let index = 0;
let playing = false;

function draw() {
  const at = starts[index] + data.durations_ms[index] / 2;
  for (const motion of motions) motion.currentTime = at;
  $("slider").value = index;
  $("slider").setAttribute("aria-valuetext", data.moments[index]);
  $("time").textContent = data.moments[index];
  data.runs.forEach((run, place) => {
    rows[place].shown.textContent = run.shown[index];
    rows[place].value.textContent = run.values.length ? run.values[index] : "";
  });
}

function say() {
  if (playing) return;
  const told = data.runs.map((run) => [run.name, run.shown[index], run.values.length ? `${data.metric} ${run.values[index]}` : ""]);
  $("spoken").textContent = [data.moments[index], ...told.map((words) => words.filter(Boolean).join(" "))].join(", ");
}

function go(to) {
  pause();
  index = Math.max(0, Math.min(count - 1, to));
  draw();
  say();
}

let shownSince = 0; // when the moment that is shown began, in milliseconds of the page's clock
let request = 0;

function tick(now) {
  let moved = false;
  while (now - shownSince >= data.durations_ms[index] / Number($("speed").value)) {
    shownSince += data.durations_ms[index] / Number($("speed").value);
    moved = true;
    if (index < count - 1) index += 1;
    else if (data.loop && count > 1) {
      index = 0;
      shownSince = now;
    } else {
      pause();
      return;
    }
  }
  if (moved) draw();
  request = requestAnimationFrame(tick);
}

function play() {
  if (playing || count === 1) return;
  if (index === count - 1) index = 0;
  playing = true;
  root.classList.add("playing");
  $("play").setAttribute("aria-label", "Pause");
  shownSince = performance.now();
  draw();
  request = requestAnimationFrame(tick);
}

function pause() {
  if (!playing) return;
  cancelAnimationFrame(request);
  playing = false;
  root.classList.remove("playing");
  $("play").setAttribute("aria-label", "Play");
  draw();
  say();
}

const keys = {
  " ": () => (playing ? pause() : play()),
  ArrowLeft: (event) => go(index - (event.shiftKey ? 10 : 1)),
  ArrowRight: (event) => go(index + (event.shiftKey ? 10 : 1)),
  Home: () => go(0),
  End: () => go(count - 1),
};

// Keys that a control needs itself.
function isOwn(element, key) {
  if (element.matches("select")) return true;
  if (element.matches("button")) return key === " ";
  return element.matches("#slider") && key !== " ";
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key] || isOwn(event.target, event.key)) return;
  keys[event.key](event);
  event.preventDefault();
});
$("play").addEventListener("click", keys[" "]);
$("back").addEventListener("click", () => go(index - 1));
$("next").addEventListener("click", () => go(index + 1));
$("slider").addEventListener("input", () => go(Number($("slider").value)));

$("slider").max = count - 1;
$("metric").textContent = data.metric;
index = count - 1;
draw();
root.dataset.ready = "true";
