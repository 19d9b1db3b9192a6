// What rows and boxes share: their numbers, in words, and the legend.

const movedTables = {};
for (const theme in data.moved.themes) {
  movedTables[theme] = data.moved.themes[theme].match(/.{6}/g).map((color) => "#" + color);
}

const norms = (row, position) => at(weights, row, position);
const growths = (row, position) => (state.pinned === null
  ? at(weights, data.rows.length + row, position)
  : norms(row, position) / norms(row, state.pinned) - 1);
const changes = (row, position) => at(biases, row, position);

function movedShare(change) {
  const share = Math.log(change / data.moved.low) / Math.log(data.moved.high / data.moved.low);
  return Number.isNaN(share) ? 0 : Math.max(0, Math.min(1, share));
}

const norm = (value) => (Number.isFinite(value) ? minus(twoDigits(value)) : "–");

function percent(share) {
  if (!Number.isFinite(share)) return "–";
  if (share === 0) return "0 %";
  if (share < 1e-6) return "< 0.0001 %";
  return `${inPlaces(100 * share, 2)} %`;
}

// So many significant digits, never with an exponent.
function inPlaces(value, places) {
  const [digits, exponent] = Math.abs(value).toExponential(places - 1).split("e");
  const text = Number(exponent) < places
    ? String(Number(Number(`${digits}e${exponent}`).toFixed(Math.min(100, places - 1 - Number(exponent)))))
    : digits.replace(".", "") + "0".repeat(Number(exponent) - places + 1);
  return (value < 0 ? "−" : "") + text;
}

function rowFacts({ index: row }) {
  const position = state.position;
  const { name, keys, formula } = data.rows[row];
  const size = norms(row, position);
  const growth = growths(row, position);
  const grown = Number.isFinite(growth) ? (growth > 0 ? "+" : "") + inPlaces(100 * growth, 2) + " %" : "–";
  const rows = [
    ["‖W‖", Number.isFinite(size) ? minus(String(Number(size.toPrecision(4)))) : "–"],
    [`moved since ${data.since.text}`, percent(changes(row, position))],
    [`‖W‖ since ${sinceText()}`, grown],
    ...pinnedFact("‖W‖", (step) => [norm(norms(row, step))]),
    ...pinnedFact("moved", (step) => [percent(changes(row, step))]),
  ];
  if (formula) rows.push(["made as", formula]);
  rows.push(["in the file", keys.join(", ")]);
  const own = biases.subarray(row * count, (row + 1) * count);
  const values = own.every(Number.isFinite) ? biases : null;
  return { title: name, values, at: row, word: "relative change", ends: percent, rows };
}

function rowLegend() {
  const theme = isDark() ? "dark" : "light";
  const growth = colors("edge");
  const [thin, thick] = data.thickness;
  const looks = [
    [movedTables[theme], () => 6, false],
    [growth, (share) => 9 * (thin + (thick - thin) * share), true],
  ];
  ["ramp", "samples"].forEach((id, block) => {
    const { ends, print } = data.legends[block];
    const [table, high, isColored] = looks[block];
    rampOf($(id), table, ends, print, high, isColored);
  });
}
