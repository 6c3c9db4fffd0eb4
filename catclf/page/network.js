// EfficientNet-Lite0: pixels -> its last map, as catclf/efficientnet.py has onnxruntime compute it.
//
// Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks" (ICML
// 2019), table 1. A map is {side, channels, values}: place by place in rows, of each all channels.
// A photo takes 0.3 s, in plain loops: no WebAssembly, which the page's policy would have to allow.

// A row of the paper's table: expansion, kernel, stride of the first block, channels, layers.
const STAGES = [
  [1, 3, 1, 16, 1], // to 112 x 112
  [6, 3, 2, 24, 2], // 56
  [6, 5, 2, 40, 2], // 28
  [6, 3, 2, 80, 3], // 14
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4], // 7
  [6, 3, 1, 320, 1],
];
const STEM = { kernel: 3, stride: 2 };

let layers = null; // made when the first photo is tried: the page opens without them

// (224, 224, 3) bytes -> the map of 7 x 7 places and 1280 channels.
function lastMap(pixels) {
  layers ??= readLayers(DATA.network);
  const each = layers.values();
  const next = () => each.next().value;
  let x = relu6(convolution(normalized(pixels), next(), STEM)); // 112 x 112, 32
  for (const [expansion, kernel, firstStride, channels, count] of STAGES) {
    for (let i = 0; i < count; i++) {
      const stride = i === 0 ? firstStride : 1;
      const inputs = x;
      if (expansion > 1) x = relu6(pointwise(x, next()));
      x = relu6(depthwise(x, next(), { kernel, stride }));
      x = pointwise(x, next());
      if (stride === 1 && inputs.channels === channels) x = added(x, inputs);
    }
  }
  return relu6(pointwise(x, next())); // 7 x 7, 1280
}

function normalized(pixels) {
  const values = new Float32Array(pixels.length);
  for (let i = 0; i < values.length; i++) values[i] = (pixels[i] - 127) / 128;
  return { side: SIZE, channels: 3, values };
}

// ------------------------------------------------------------------------------- the weights

const GROUP = 8; // outputs that `pointwise` computes at a time

// Their weights, in the order of ONNX (outputs, inputs, kernel, kernel), are whole numbers with a
// scale for each output.
function readLayers({ shapes, levels, scales, biases }) {
  const [allLevels, allScales, allBiases] = [
    new Int8Array(bytesOf(levels).buffer),
    new Float32Array(bytesOf(scales).buffer),
    new Float32Array(bytesOf(biases).buffer),
  ];
  let [levelsRead, outputsRead] = [0, 0];
  return shapes.map(([outputs, inputs, kernel]) => {
    const count = outputs * inputs * kernel ** 2;
    const weights = arranged(
      allLevels.subarray(levelsRead, levelsRead + count),
      allScales.subarray(outputsRead, outputsRead + outputs),
      { inputs, taps: kernel ** 2, group: inputs === 1 ? outputs : GROUP },
    );
    const layer = { outputs, weights, biases: allBiases.subarray(outputsRead).subarray(0, outputs) };
    levelsRead += count;
    outputsRead += outputs;
    return layer;
  });
}

// Scaled, and in the order in which they are used: (outputs / group, taps, inputs, group).
function arranged(levels, scales, { inputs, taps, group }) {
  const result = new Float32Array(levels.length);
  let from = 0;
  scales.forEach((scale, output) => {
    const within = output % group;
    const first = (output - within) * inputs * taps + within;
    for (let i = 0; i < inputs; i++) {
      for (let tap = 0; tap < taps; tap++) {
        result[first + (tap * inputs + i) * group] = levels[from++] * scale;
      }
    }
  });
  return result;
}

// -------------------------------------------------------------------------------- the layers

// A convolution with a kernel of 1: at each place a product of a matrix and its channels. Eight
// outputs at a time, whose sums stay in registers: twice as fast as one at a time.
function pointwise({ side, channels, values }, { outputs, weights, biases }) {
  const result = new Float32Array(side ** 2 * outputs);
  for (let at = 0, from = 0; at < result.length; at += outputs, from += channels) {
    for (let k = 0, w = 0; k < outputs; k += GROUP) {
      let [a, b, c, d] = [biases[k], biases[k + 1], biases[k + 2], biases[k + 3]];
      let [e, f, g, h] = [biases[k + 4], biases[k + 5], biases[k + 6], biases[k + 7]];
      for (let i = from; i < from + channels; i++, w += GROUP) {
        const x = values[i];
        a += x * weights[w];
        b += x * weights[w + 1];
        c += x * weights[w + 2];
        d += x * weights[w + 3];
        e += x * weights[w + 4];
        f += x * weights[w + 5];
        g += x * weights[w + 6];
        h += x * weights[w + 7];
      }
      result.set([a, b, c, d, e, f, g, h], at + k);
    }
  }
  return { side, channels: outputs, values: result };
}

// Each channel by itself.
function depthwise({ side, channels, values }, { weights, biases }, { kernel, stride }) {
  const outSide = Math.ceil(side / stride);
  const result = new Float32Array(outSide ** 2 * channels);
  for (let at = 0; at < result.length; at += channels) result.set(biases, at);
  forTaps(side, kernel, stride, (place, tap, input) => {
    addProducts(result, place * channels, values, input * channels, weights, tap * channels, channels);
  });
  return { side: outSide, channels, values: result };
}

function addProducts(result, to, values, from, weights, w, count) {
  for (let c = 0; c < count; c++) result[to + c] += values[from + c] * weights[w + c];
}

// A full convolution: what the kernel sees at each place becomes its channels, then a product.
function convolution({ side, channels, values }, layer, { kernel, stride }) {
  const outSide = Math.ceil(side / stride);
  const seen = kernel ** 2 * channels;
  const patches = new Float32Array(outSide ** 2 * seen); // 0 beyond the border
  forTaps(side, kernel, stride, (place, tap, input) => {
    const [to, from] = [place * seen + tap * channels, input * channels];
    for (let c = 0; c < channels; c++) patches[to + c] = values[from + c];
  });
  return pointwise({ side: outSide, channels: seen, values: patches }, layer);
}

// Calls back with each place of the result, each tap of its kernel, and the place of the map that
// it falls on. Padded as TensorFlow does: where that is odd, one more at the end.
function forTaps(side, kernel, stride, callback) {
  const outSide = Math.ceil(side / stride);
  const before = Math.floor(Math.max(0, (outSide - 1) * stride + kernel - side) / 2);
  for (let y = 0, place = 0; y < outSide; y++) {
    for (let x = 0; x < outSide; x++, place++) {
      for (let tap = 0; tap < kernel ** 2; tap++) {
        const row = y * stride - before + Math.floor(tap / kernel);
        const column = x * stride - before + (tap % kernel);
        if (row < 0 || column < 0 || row >= side || column >= side) continue;
        callback(place, tap, row * side + column);
      }
    }
  }
}

function relu6(map) {
  const { values } = map;
  for (let i = 0; i < values.length; i++) values[i] = Math.min(6, Math.max(0, values[i]));
  return map;
}

function added(map, { values }) {
  for (let i = 0; i < values.length; i++) map.values[i] += values[i];
  return map;
}
