// The model: one neuron. Forward, and beneath it the derivatives; names as on the slides.

const TRAINED = { w: floatsOf(DATA.model.w), b: DATA.model.b[0] };
const MEAN = bytesOf(DATA.mean); // the mean column of the train split, in whole levels
const NOTHING = new Uint8Array(N_X);

function sigmoid(z) {
  return 1 / (1 + Math.exp(-z));
}

// w x, feature by feature, of a column of bytes; or what it has more than a reference.
function contributions(w, column, reference = NOTHING) {
  return w.map((weight, i) => (weight * (column[i] - reference[i])) / 255);
}

function sumOf(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

function forward({ w, b }, column) {
  let z = 0;
  // A loop: of 500 training pictures it takes 2 ms, by the sum of an array of products 30.
  for (let i = 0; i < N_X; i++) z += (w[i] * column[i]) / 255;
  z += b;
  return { z, a: sigmoid(z) };
}

// Of each text, lines break between its parts.
const LOSSES = {
  "cross-entropy": {
    text: ["= −(y log a", "+ (1 − y) log(1 − a))"],
    // log(1 + exp(z)) - y z, finite where a rounds to 0 or 1.
    of: ({ z }, y) => {
      const wrong = (1 - 2 * y) * z;
      return Math.max(wrong, 0) + Math.log1p(Math.exp(-Math.abs(wrong)));
    },
    da: ({ a }, y) => (y === 1 ? -1 / a : 1 / (1 - a)),
    daText: ["= −y/a + (1 − y)/(1 − a)"],
    dz: ({ a }, y) => a - y,
    dzText: ["= dL/da · a(1 − a)", "= a − y"],
  },
  "squared-error": {
    text: ["= (a − y)² / 2"],
    of: ({ a }, y) => (a - y) ** 2 / 2,
    da: ({ a }, y) => a - y,
    daText: ["= a − y"],
    dz: ({ a }, y) => (a - y) * a * (1 - a),
    dzText: ["= dL/da · a(1 − a)"],
  },
};
const LOSS = LOSSES[DATA.model.loss];

// One step of gradient descent on a single picture, without a penalty.
function stepped({ w, b }, column, dz, learningRate) {
  return {
    w: w.map((weight, i) => weight - learningRate * dz * (column[i] / 255)),
    b: b - learningRate * dz,
  };
}

// ------------------------------------------------------------- where in the picture a number is

// What a square of each map of hog-color is.
const SQUARES = {
  edges: "7\u00a0x\u00a07 squares that overlap, each a quarter of the picture wide and high",
  colors: "the four quarters of the picture",
};

// A vector over features as maps of the picture: the numbers of one place added up. All maps of
// a vector together have its sum. A number of a backbone's is of the whole picture: there are none.
function mapsOf(vector) {
  if (OF_BACKBONE) return [];
  if (FEATURES === "pixels") return [pixelMap(vector)];
  return [
    mapOf("edges", BLOCKS, vector.subarray(0, EDGES_N_X), (i) => i % BLOCKS ** 2),
    mapOf("colors", 2, vector.subarray(EDGES_N_X), (i) => Math.floor(i / LEVELS ** 3)),
  ];
}

// What each place of a picture adds to z, by a backbone's map, which is square.
function placeMap(evidence) {
  const [side] = DATA.preprocessing.places;
  return { what: "place", side, values: floatsOf(evidence) };
}

function pixelMap(vector) {
  return mapOf("pixels", SIZE, vector, (i) => i % SIZE ** 2);
}

function mapOf(what, side, vector, placeOf) {
  const values = new Float64Array(side * side);
  vector.forEach((value, i) => (values[placeOf(i)] += value));
  return { what, side, values };
}

const HAS_BLOCKS = FEATURES === "pixels" && SIZE > CELLS; // else pixels are no smaller than blocks

// A map of pixels, added up in a grid of 8 x 8 blocks.
function inBlocks({ side, values }) {
  const block = (i) => Math.floor((i * CELLS) / side);
  return mapOf(
    "8 x 8 blocks",
    CELLS,
    values,
    (i) => block(Math.floor(i / side)) * CELLS + block(i % side),
  );
}
