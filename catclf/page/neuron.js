// The model: one neuron, or one a class. Forward, and beneath it the derivatives; names as on the
// slides. What has a number for each neuron is an array: w, b, z, a, y and their derivatives.

const TRAINED = { w: trainedWeights(), b: DATA.model.b };
const MEAN = bytesOf(DATA.mean); // the mean column of the train split, in whole levels
const NOTHING = new Uint8Array(N_X);

// Those of several neurons stand after one another, as whole numbers with a scale for each neuron.
function trainedWeights() {
  const { w, bits, scales } = DATA.model;
  if (TWO) return [floatsOf(w)];
  const Levels = { 8: Int8Array, 16: Int16Array, 32: Int32Array }[bits];
  const levels = new Levels(bytesOf(w).buffer);
  return scales.map((scale, neuron) =>
    new Float64Array(levels.subarray(neuron * N_X, (neuron + 1) * N_X)).map((each) => each * scale),
  );
}

// The neuron that speaks for a class, or of two classes for one and against the other.
function neuronOf(label) {
  return TWO ? 0 : label;
}

// Labels y by neuron: 1 for the class, 0 for the others.
function oneHot(label) {
  return TWO ? [label] : CLASSES.map((_, other) => Number(other === label));
}

function sigmoid(z) {
  return 1 / (1 + Math.exp(-z));
}

function softmax(z) {
  const most = Math.max(...z); // exp(1000) would be infinite
  const powers = z.map((each) => Math.exp(each - most));
  const sum = sumOf(powers);
  return powers.map((power) => power / sum);
}

// w x of a neuron, feature by feature, of a column of bytes; or what it has more than a reference.
function contributions(w, column, reference = NOTHING) {
  return w.map((weight, i) => (weight * (column[i] - reference[i])) / 255);
}

function sumOf(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

function forward({ w, b }, column) {
  const z = b.map((bias, neuron) => dot(w[neuron], column) + bias);
  return { z, a: TWO ? z.map(sigmoid) : softmax(z) };
}

// A loop: of 500 training pictures it takes 2 ms, by the sum of an array of products 30.
function dot(weights, column) {
  let sum = 0;
  for (let i = 0; i < N_X; i++) sum += (weights[i] * column[i]) / 255;
  return sum;
}

// The probability of each class: one neuron's a is that of the positive one.
function byClass(a) {
  return TWO ? [1 - a[0], a[0]] : a;
}

// Of each text, lines break between its parts.
const LOSSES = {
  "cross-entropy": {
    text: ["= −(y log a", "+ (1 − y) log(1 − a))"],
    // log(1 + exp(z)) - y z, finite where a rounds to 0 or 1.
    of: ({ z: [z] }, [y]) => {
      const wrong = (1 - 2 * y) * z;
      return Math.max(wrong, 0) + Math.log1p(Math.exp(-Math.abs(wrong)));
    },
    da: ({ a: [a] }, [y]) => [y === 1 ? -1 / a : 1 / (1 - a)],
    daText: ["= −y/a + (1 − y)/(1 − a)"],
    dz: ({ a: [a] }, [y]) => [a - y],
    dzText: ["= dL/da · a(1 − a)", "= a − y"],
  },
  "squared-error": {
    text: ["= (a − y)² / 2"],
    of: ({ a: [a] }, [y]) => (a - y) ** 2 / 2,
    da: ({ a: [a] }, [y]) => [a - y],
    daText: ["= a − y"],
    dz: ({ a: [a] }, [y]) => [(a - y) * a * (1 - a)],
    dzText: ["= dL/da · a(1 − a)"],
  },
};
// Of several neurons: the cross-entropy is that of the label's class alone.
const SOFTMAX_LOSS = {
  text: ["= −Σ y log a"],
  // log(sum(exp(z))) - z of that class, finite where its a rounds to 0.
  of: ({ z }, y) => {
    const most = Math.max(...z);
    const sum = sumOf(z.map((each) => Math.exp(each - most)));
    return Math.log(sum) + most - z[y.indexOf(1)];
  },
  da: ({ a }, y) => a.map((each, neuron) => (y[neuron] === 1 ? -1 / each : 0)),
  daText: ["= −y/a"],
  dz: ({ a }, y) => a.map((each, neuron) => each - y[neuron]),
  dzText: ["= a − y"],
};
const LOSS = TWO ? LOSSES[DATA.model.loss] : SOFTMAX_LOSS;

// One step of gradient descent on a single picture, without a penalty.
function stepped({ w, b }, column, dz, learningRate) {
  return {
    w: w.map((weights, neuron) =>
      weights.map((weight, i) => weight - learningRate * dz[neuron] * (column[i] / 255)),
    ),
    b: b.map((bias, neuron) => bias - learningRate * dz[neuron]),
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
