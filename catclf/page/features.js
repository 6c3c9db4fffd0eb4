// Pixels become a column of X, as catclf/features.py and catclf/hog_color.py do it; the docstrings
// of the latter name the source.

const DIRECTIONS = 18;
const CELLS = 8; // a side
const BLOCKS = CELLS - 1;
const EDGES_N_X = 4 * DIRECTIONS * BLOCKS * BLOCKS;
const LEVELS = 8; // of each color

// (size, size, 3) pixels -> n_x bytes.
function columnOf(pixels) {
  if (FEATURES === "backbone") return columnOfMap(lastMap(pixels));
  if (FEATURES === "pixels") return planes(pixels);
  const column = new Uint8Array(N_X);
  column.set(asBytes(edges(pixels), 0.4));
  column.set(asBytes(colors(pixels), 0.2), EDGES_N_X);
  return column;
}

// All of red, then green, then blue.
function planes(pixels) {
  const n = pixels.length / 3;
  return Uint8Array.from(pixels, (_, i) => pixels[(i % n) * 3 + Math.floor(i / n)]);
}

function asBytes(values, valueAt255) {
  return Uint8Array.from(values, (value) => Math.min(255, value * (255 / valueAt255) + 0.5));
}

function edges(pixels) {
  return blocks(cells(pixels));
}

// Each cell's histogram of directions, (18, 8, 8): every pixel votes for the two directions and
// the four cells nearest to it, by the length of its gradient.
function cells(pixels) {
  const histogram = new Float64Array(DIRECTIONS * CELLS * CELLS);
  const along = Array.from({ length: SIZE }, (_, i) => nearest((i + 0.5) * (CELLS / SIZE) - 0.5));
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const [down, right] = gradient(pixels, y, x);
      const length = Math.sqrt(down ** 2 + right ** 2) / 255;
      const direction = (Math.atan2(down, right) * DIRECTIONS) / (2 * Math.PI);
      for (const [k, vote] of nearest(Math.round(direction * 1e6) / 1e6)) {
        const bin = (k + DIRECTIONS) % DIRECTIONS;
        for (const [i, shareDown] of along[y]) {
          for (const [j, shareRight] of along[x]) {
            if (i < 0 || j < 0 || i >= CELLS || j >= CELLS) continue; // it leaves the picture
            histogram[(bin * CELLS + i) * CELLS + j] += vote * length * (shareDown * shareRight);
          }
        }
      }
    }
  }
  const pixelsPerCell = SIZE ** 2 / CELLS ** 2;
  return histogram.map((sum) => sum / pixelsPerCell);
}

// Central differences of the color with the strongest gradient; of equal ones, the first.
function gradient(pixels, y, x) {
  let strongest = [0, 0];
  let most = -1;
  for (let c = 0; c < 3; c++) {
    const at = (y * SIZE + x) * 3 + c;
    const inRows = y > 0 && y < SIZE - 1;
    const inColumns = x > 0 && x < SIZE - 1;
    const down = inRows ? pixels[at + SIZE * 3] - pixels[at - SIZE * 3] : 0;
    const right = inColumns ? pixels[at + 3] - pixels[at - 3] : 0;
    if (down ** 2 + right ** 2 > most) {
      most = down ** 2 + right ** 2;
      strongest = [down, right];
    }
  }
  return strongest;
}

// The whole numbers below and above, each with its share of 1.
function nearest(position) {
  const below = Math.floor(position);
  return [
    [below, 1 - (position - below)],
    [below + 1, position - below],
  ];
}

// Blocks of 2 x 2 cells, (4, 18, 7, 7), each scaled to about length 1.
function blocks(histogram) {
  const scaled = new Float64Array(EDGES_N_X);
  for (let i = 0; i < BLOCKS; i++) {
    for (let j = 0; j < BLOCKS; j++) {
      let energy = 1e-4;
      forBlock(i, j, (_, cell) => (energy += histogram[cell] ** 2));
      forBlock(i, j, (feature, cell) => (scaled[feature] = histogram[cell] / Math.sqrt(energy)));
    }
  }
  return scaled;
}

// Calls back with each feature of the block at (i, j), and the cell and direction it is of.
function forBlock(i, j, callback) {
  for (let part = 0; part < 4; part++) {
    const row = i + (part >> 1);
    const column = j + (part & 1);
    for (let k = 0; k < DIRECTIONS; k++) {
      const feature = ((part * DIRECTIONS + k) * BLOCKS + i) * BLOCKS + j;
      callback(feature, (k * CELLS + row) * CELLS + column);
    }
  }
}

// The square root of each color's share of each quarter, (4, 512).
function colors(pixels) {
  const counts = new Float64Array(4 * LEVELS ** 3);
  const quarterPixels = [0, 0, 0, 0];
  const half = (i) => Math.floor((i * 2) / SIZE);
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const at = (y * SIZE + x) * 3;
      const [red, green, blue] = [0, 1, 2].map((c) => pixels[at + c] >> 5);
      const quarter = half(y) * 2 + half(x);
      counts[((quarter * LEVELS + red) * LEVELS + green) * LEVELS + blue] += 1;
      quarterPixels[quarter] += 1;
    }
  }
  return counts.map((count, i) => Math.sqrt(count / quarterPixels[Math.floor(i / LEVELS ** 3)]));
}
