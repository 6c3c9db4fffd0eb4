// The sections of the page, one after the other.

fill("subtitle", "catclf report: ", named(DATA.files.model), " on ", named(DATA.files.dataset));
showVerdict();
listenForPhotos();
listenForSteps();
if (DATA.test === null) {
  for (const section of document.querySelectorAll("[data-needs=test]")) {
    section
      .querySelector(".content")
      .replaceChildren(
        create("p", {}, "The dataset has no test split. Prepare it with one to see this."),
      );
  }
} else {
  if (!TWO) showConfused();
  showGalleries();
  if (TWO) showThreshold();
  showTrust();
  const [first] = [...DATA.test.wrong, ...DATA.test.right];
  showStepsOf(first);
}
showWeights();
showCosts();
fill(
  "details",
  ...DATA.details.map(([name, value, meaning]) =>
    create(
      "tr",
      {},
      create("th", { scope: "row" }, name, create("small", {}, meaning)),
      create("td", {}, named(value)),
    ),
  ),
);
if (!TWO) fill("equal-log-loss", `${decimal(Math.log(CLASSES.length))}, log ${CLASSES.length},`);
linkGlossary();
document.body.dataset.ready = "yes";
