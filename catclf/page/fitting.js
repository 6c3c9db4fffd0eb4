// A picture of any size becomes SIZE x SIZE pixels, as catclf/pictures/pixels.py does it.
//
// Pixels are red, green, blue, one pixel after the other, row by row. Pillow resizes along the
// rows, rounds to whole numbers, then along the columns, with weights of 22 binary places
// (libImaging/Resample.c): so does this, to the same bytes.

const WEIGHT_ONE = 2 ** 22;

// For each of `outSize` samples: the first input it averages, and the weights of that and the next.
function triangleWeights(from, to, inSize, outSize) {
  const scale = (to - from) / outSize;
  const support = Math.max(scale, 1);
  return Array.from({ length: outSize }, (_, i) => {
    const center = from + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(inSize, Math.trunc(center + support + 0.5));
    const weights = Float64Array.from({ length: end - first }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + first - center + 0.5) * (1 / support))),
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((each) => Math.trunc((each / total) * WEIGHT_ONE + 0.5)) };
  });
}

// One output value: `weights` times every `step`-th byte from `at` on, rounded.
function weighted(bytes, at, step, weights) {
  let sum = WEIGHT_ONE / 2;
  for (let k = 0; k < weights.length; k++) sum += weights[k] * bytes[at + k * step];
  return Math.min(255, Math.floor(sum / WEIGHT_ONE));
}

// The part {left, top, width, height} of a picture, resized.
function resize({ pixels, width }, part, outWidth, outHeight) {
  const across = triangleWeights(0, part.width, part.width, outWidth);
  const down = triangleWeights(0, part.height, part.height, outHeight);
  const narrow = new Uint8Array(part.height * outWidth * 3);
  const result = new Uint8Array(outHeight * outWidth * 3);
  for (let y = 0, at = 0; y < part.height; y++) {
    const row = (part.top + y) * width + part.left;
    for (const { first, weights } of across) {
      for (let c = 0; c < 3; c++)
        narrow[at++] = weighted(pixels, (row + first) * 3 + c, 3, weights);
    }
  }
  const rowBytes = outWidth * 3;
  for (let y = 0, at = 0; y < outHeight; y++) {
    const { first, weights } = down[y];
    for (let x = 0; x < rowBytes; x++) {
      result[at++] = weighted(narrow, first * rowBytes + x, rowBytes, weights);
    }
  }
  return result;
}

// The pixels of a picture {pixels, width, height}, by the model's size and fit.
function fitPicture(picture) {
  const { width, height } = picture;
  const whole = { left: 0, top: 0, width, height };
  if (FIT === "pad") return padded(picture, whole);
  if (FIT === "crop") {
    const side = Math.min(width, height);
    const left = Math.floor((width - side) / 2);
    const top = Math.floor((height - side) / 2);
    return resize(picture, { left, top, width: side, height: side }, SIZE, SIZE);
  }
  return resize(picture, whole, SIZE, SIZE);
}

function padded(picture, whole) {
  const scale = SIZE / Math.max(whole.width, whole.height);
  const width = Math.max(1, roundHalfEven(whole.width * scale));
  const height = Math.max(1, roundHalfEven(whole.height * scale));
  const inner = resize(picture, whole, width, height);
  const result = new Uint8Array(SIZE * SIZE * 3).fill(255);
  const left = Math.floor((SIZE - width) / 2);
  const top = Math.floor((SIZE - height) / 2);
  for (let y = 0; y < height; y++) {
    const row = inner.subarray(y * width * 3, (y + 1) * width * 3);
    result.set(row, ((top + y) * SIZE + left) * 3);
  }
  return result;
}

function roundHalfEven(value) {
  const below = Math.floor(value);
  if (value - below === 0.5) return below + (below % 2);
  return Math.round(value);
}
