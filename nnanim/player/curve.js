// The metrics and their dots.

const plot = { left: 56, right: 388, top: 10, bottom: 222 };
const dots = [];
const metricValues = [];
let passed = null;
let pinnedLine = null;
let readout = null;

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
  plot.right = data.axes.y.length > 1 ? 344 : 388;
  svg.replaceChildren();
  $("metrics").replaceChildren();
  dots.length = metricValues.length = 0;
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
  pinnedLine = make("path", { class: "pinned", d: `M0 ${top}V${bottom}`, visibility: "hidden" }, svg);
  readout = make("g", { id: "readout", visibility: "hidden", "aria-hidden": "true" }, svg);
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
  const pinnedX = state.pinned === null ? null : data.curve_x[state.pinned];
  pinnedLine.setAttribute("visibility", pinnedX === null ? "hidden" : "visible");
  if (pinnedX !== null) pinnedLine.setAttribute("transform", `translate(${plotX(pinnedX)})`);
  data.curves.forEach((curve, index) => {
    const then = state.pinned === null ? "" : `${curve.values[state.pinned]} → `;
    metricValues[index].textContent = then + curve.values[Math.round(state.position)];
    const y = between(curve.dots, state.position);
    dots[index].setAttribute("visibility", x === null || y === null ? "hidden" : "visible");
    if (x === null || y === null) return;
    dots[index].setAttribute("cx", plotX(x));
    dots[index].setAttribute("cy", plotY(y, curve.axis));
  });
}

function nearestOnCurve(event) {
  const point = pointIn($("plot"), event);
  let nearest = -1;
  data.curve_x.forEach((x, index) => {
    if (x === null) return;
    const far = Math.abs(plotX(x) - point.x);
    if (nearest < 0 || far < Math.abs(plotX(data.curve_x[nearest]) - point.x)) nearest = index;
  });
  return nearest;
}

function jump(event) {
  const nearest = nearestOnCurve(event);
  if (nearest >= 0) go(nearest);
}

// What the curves are at the pointer, without going there.
function read(event) {
  const index = event ? nearestOnCurve(event) : -1;
  readout.setAttribute("visibility", index < 0 ? "hidden" : "visible");
  if (index < 0) return;
  readout.replaceChildren();
  const x = plotX(data.curve_x[index]);
  make("path", { class: "axis", d: `M${x} ${plot.top}V${plot.bottom}` }, readout);
  const isRight = x > (plot.left + plot.right) / 2;
  const texts = [data.titles[index], ...data.curves.map((curve) => `${curve.metric} ${curve.values[index]}`)];
  const room = isRight ? x - plot.left : plot.right - x;
  texts.forEach((text, row) => {
    const looks = { x: isRight ? x - 6 : x + 6, y: plot.bottom - 8 - 16 * (texts.length - 1 - row) };
    fitText(make("text", { ...looks, "text-anchor": isRight ? "end" : "start" }, readout, text), room - 10);
  });
}
