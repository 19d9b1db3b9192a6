// A network without tiles: every edge is a line.

let drawnCells = null;
const cellsOf = () => 0;
const isCell = () => false;
const buildTiles = () => [];
const drawTiles = () => {};
const findTile = () => null;
const markTile = () => {};
