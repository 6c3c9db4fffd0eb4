// Charts as SVG: a frame with axes, and lines and points in it.

const CHART = { width: 360, height: 300, left: 52, right: 22, top: 12, bottom: 46 };

// A chart with axes from 0 to the last of each one's ticks.
function chart(label, xAxis, yAxis) {
  const { width, height, left, right, top, bottom } = CHART;
  const scale =
    ({ ticks }, start, end) =>
    (value) =>
      start + (value / ticks.at(-1)) * (end - start);
  const x = scale(xAxis, left, width - right);
  const y = scale(yAxis, height - bottom, top);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img" });
  root.setAttribute("aria-label", label);
  for (const tick of yAxis.ticks) {
    const line = { class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) };
    root.append(svg("line", line), text(left - 6, y(tick) + 4, tick, { "text-anchor": "end" }));
  }
  for (const tick of xAxis.ticks) root.append(text(x(tick), height - bottom + 17, tick));
  const middle = (top + height - bottom) / 2;
  root.append(
    text((left + width - right) / 2, height - 8, xAxis.name),
    text(13, middle, yAxis.name, { transform: `rotate(-90 13 ${middle})` }),
  );
  return { root, x, y };
}

// Text of a chart, in the middle of its place where no other anchor is given.
function text(x, y, content, attributes = {}) {
  return svg("text", { x, y, "text-anchor": "middle", ...attributes }, String(content));
}

function fractions(name) {
  return { name, ticks: [0, 0.25, 0.5, 0.75, 1] };
}

// Ticks from 0 to at least `most`, at steps of 1, 2 or 5 times a power of ten.
function ticksUpTo(most) {
  const top = most > 1e-300 ? most : 1;
  const rough = top / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const count = Math.ceil(top / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

function addLine({ root, x, y }, points, kind) {
  const path = points.map(
    ([px, py], i) => `${i ? "L" : "M"}${x(px).toFixed(2)} ${y(py).toFixed(2)}`,
  );
  root.append(svg("path", { class: `line ${kind}`, d: path.join("") }));
}

function addSegment(chart, from, to, kind) {
  addLine(chart, [from, to], kind);
}

function addPoint({ root, x, y }, [px, py], kind) {
  const point = svg("circle", { class: `point ${kind}`, r: 5, cx: x(px), cy: y(py) });
  root.append(point);
  return point;
}

// Points so near to the one before that nobody sees them are left out; the last stays.
function thinned(points) {
  const kept = [];
  points.forEach((point, i) => {
    const last = kept.at(-1);
    const near = last && Math.abs(point[0] - last[0]) + Math.abs(point[1] - last[1]) < 1 / 400;
    if (!near || i === points.length - 1) kept.push(point);
  });
  return kept;
}
