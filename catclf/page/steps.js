// One picture, step by step: the lecture's computation graph with this picture's numbers.

let current = null; // {name, column, pixels, label, neuron}; a label of null is not known

function listenForSteps() {
  fill("label-negative", `0: ${NEGATIVE}`);
  fill("label-positive", `1: ${POSITIVE}`);
  byId("learning-rate").value = DATA.model.learning_rate;
  byId("label").addEventListener("change", ({ target }) => {
    current.label = target.value === "" ? null : Number(target.value);
    drawSteps();
  });
  byId("descend").addEventListener("click", descendOnce);
  byId("restart").addEventListener("click", () => {
    current.neuron = TRAINED;
    fill("step-result");
    drawSteps();
  });
}

function showSteps(picture) {
  current = { ...picture, neuron: TRAINED };
  byId("label").value = picture.label === null ? "" : String(picture.label);
  fill("step-result");
  byId("steps-none").hidden = true;
  byId("graph").hidden = false;
  drawSteps();
}

function drawSteps() {
  const { name, column, pixels, label, neuron } = current;
  const { z, a } = forward(neuron, column);
  const dz = label === null ? null : LOSS.dz({ z, a }, label);
  const parts = contributions(neuron.w, column);
  const unknown = "?";
  const back = (value) => (label === null ? unknown : decimal(value));
  fill("step-name", named(name));
  drawStepMaps(neuron.w, parts, column, pixels, dz);
  fill("step-for", `+${decimal(sumOf(parts.filter((part) => part > 0)))}`);
  fill("step-against", decimal(sumOf(parts.filter((part) => part < 0))));
  fill("step-b", decimal(neuron.b));
  fill("step-z", decimal(z));
  fill("step-a", decimal(a, 6));
  fill("step-y", label === null ? unknown : String(label));
  fill("step-loss-text", LOSS.text);
  fill("step-loss", label === null ? unknown : decimal(LOSS.of({ z, a }, label), 6));
  fill("step-da-text", LOSS.daText);
  fill("step-da", label === null ? unknown : back(LOSS.da({ z, a }, label)));
  fill("step-dz-text", LOSS.dzText);
  fill("step-dz", back(dz));
  fill("step-db", back(dz));
  byId("descend").disabled = label === null;
}

function drawStepMaps(w, parts, column, pixels, dz) {
  const drawMaps = (vector, label) =>
    mapsOf(vector).map((map) => mapCanvas(map, limitOf([map]), `${label} by ${map.what}`));
  fill("step-x", pictureCanvas(pixels, "the picture"));
  fill("step-w", ...drawMaps(w, "w"));
  fill("step-wx", ...drawMaps(parts, "w times x"));
  const dw = Float64Array.from(column, (value) => (value / 255) * dz);
  fill(
    "step-dw",
    ...(dz === null ? [create("p", { class: "soft" }, "say what y is")] : drawMaps(dw, "dw")),
  );
}

function descendOnce() {
  const learningRate = Number(byId("learning-rate").value);
  if (!(learningRate > 0)) {
    fill("step-result", "The learning rate must be above 0.");
    return;
  }
  const { column, label, neuron } = current;
  const before = forward(neuron, column);
  current.neuron = stepped(neuron, column, LOSS.dz(before, label), learningRate);
  const after = forward(current.neuron, column);
  const loss = (answer) => decimal(LOSS.of(answer, label), 6);
  fill(
    "step-result",
    `a ${decimal(before.a, 6)} → ${decimal(after.a, 6)}, L ${loss(before)} → ${loss(after)}`,
  );
  drawSteps();
}
