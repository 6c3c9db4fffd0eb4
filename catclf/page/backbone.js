// The network's map of a picture becomes a column of X, and the evidence of its places, as in
// catclf/backbone.py.

const RMS_AT_255 = 3.6;

// What each channel is on average over the places.
function meansOf({ side, channels, values }) {
  const sums = new Float64Array(channels);
  for (let i = 0; i < values.length; i++) sums[i % channels] += values[i];
  return sums.map((sum) => sum / side ** 2);
}

// Its means are never negative. Their root mean square becomes 1, and 3.6 becomes 255.
function columnOfMap(map) {
  const means = meansOf(map);
  const squares = means.reduce((sum, value) => sum + value ** 2, 0);
  const scale = Math.sqrt(means.length / squares);
  return Uint8Array.from(means, (v) => Math.min(255, v * scale * (255 / RMS_AT_255) + 0.5));
}

// What each place adds to w x: each byte is divided among the places in proportion to the map that
// it is the mean of.
function evidenceByPlace(w, map, column) {
  const { side, channels, values } = map;
  const means = meansOf(map);
  const evidence = new Float64Array(side ** 2);
  contributions(w, column).forEach((product, c) => {
    if (product === 0) return; // there is nothing to divide
    const share = product / (means[c] * side ** 2);
    for (let place = 0; place < evidence.length; place++) {
      evidence[place] += share * values[place * channels + c];
    }
  });
  return { what: `${side} x ${side} places`, side, values: evidence };
}
