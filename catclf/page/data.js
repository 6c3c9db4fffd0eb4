// What `catclf report` found, and how it is written out.

const DATA = JSON.parse(document.getElementById("data").textContent);
const CLASSES = DATA.classes; // by label
const TWO = CLASSES.length === 2;
const [NEGATIVE, POSITIVE] = CLASSES; // of two
const { size: SIZE, fit: FIT, features: FEATURES } = DATA.preprocessing;
const N_X = DATA.n_x;
const OF_BACKBONE = FEATURES === "backbone";

// What is said of other features than the model's, or another number of classes, is taken out.
for (const others of [
  `[data-backbone=${OF_BACKBONE ? "no" : "yes"}]`,
  `[data-classes=${TWO ? "more" : "two"}]`,
]) {
  document.querySelectorAll(others).forEach((each) => each.remove());
}

// Arrays travel as base64, the lowest byte of a number first, as in every browser.
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  // A loop: of a network's weights it takes 14 ms, Uint8Array.from with a callback 150.
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function floatsOf(base64) {
  return new Float64Array(bytesOf(base64).buffer);
}

// A label has two bytes where one does not do.
function labelsOf(base64) {
  const bytes = bytesOf(base64);
  return CLASSES.length > 256 ? new Uint16Array(bytes.buffer) : bytes;
}

// ---------------------------------------------------------------------------------- as text

// As the terminal says it: an exact half, which is a number of eighths, becomes even.
function percent(fraction) {
  if (fraction === null) return "–";
  const value = 100 * fraction;
  const isHalf = (8 * value) % 2 === 1;
  return `${(isHalf ? roundHalfEven(100 * value) / 100 : value).toFixed(2)}\u00a0%`;
}

function decimal(value, digits = 4) {
  if (value === null) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const isFar = size !== 0 && (size >= 1e6 || size < 1e-4);
  const text = isFar ? inPowers(size.toExponential(2)) : size.toFixed(digits);
  return value < 0 ? `−${text}` : text;
}

// 1.25e-7 as 1.25 · 10⁻⁷.
function inPowers(text) {
  const [factor, exponent] = text.split("e");
  const raised = Array.from(exponent.replace("+", ""), (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻");
  return `${factor}\u00a0·\u00a010${raised.join("")}`;
}

// With its sign; without a number of digits, with three that count, however small it is.
function signed(value, digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))) {
  return `${value > 0 ? "+" : ""}${decimal(value, digits)}`;
}

function sentence(text) {
  return text[0].toUpperCase() + text.slice(1);
}

function counted(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

// ------------------------------------------------------------------------------- as elements

// Text becomes text nodes only: a name is never read as HTML.
function create(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const WORD_CHARACTERS = 12; // as many fit into any place of the page

// Text on one line, wherever a line has room for it.
function unbroken(...children) {
  return create("span", { class: "unbroken" }, ...children);
}

// A name from outside: its direction of writing does not reach the text around it. Lines break
// after the spaces and marks of a long one, and a long word between them is cut with an ellipsis
// where it must be.
function named(name) {
  if (name.length <= WORD_CHARACTERS) return create("bdi", { class: "unbroken" }, name);
  const words = name.split(/(?<=[-_/:. ])/u);
  const parts = words.flatMap((word) => [
    create("wbr"),
    word.length > WORD_CHARACTERS ? create("span", { class: "long", title: name }, word) : word,
  ]);
  return create("bdi", {}, ...parts.slice(1));
}

// A name on one line, cut with an ellipsis where it must be.
function clipped(name) {
  return create("bdi", { class: "long", title: name }, name);
}

// The label predicted: of the highest probability by class; of equal ones, the first.
function predictedOf(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

// The class predicted and its probability, as `catclf predict` says them.
function answered(probabilities) {
  const predicted = predictedOf(probabilities);
  const name = CLASSES[predicted];
  const probability = probabilities[predicted].toFixed(4);
  return [named(name), ", ", probabilityOf(name, ` = ${probability}`)];
}

// P(class), and what stays on its line.
function probabilityOf(name, ...rest) {
  return unbroken("P(", named(name), ")", ...rest);
}

// An option of a select for each class, called by its name.
function classOptions(called = (name) => name) {
  return CLASSES.map((name, label) => create("option", { value: label }, called(name, label)));
}

// The places of values in an array, of the highest first.
function byValue(values) {
  return [...values.keys()].sort((i, j) => values[j] - values[i]);
}

function byId(id) {
  return document.getElementById(id);
}

function fill(id, ...children) {
  byId(id).replaceChildren(...children);
}
