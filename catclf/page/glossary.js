// The words that a visitor may not know, explained at the end of the page.

const TERMS = new Map();
for (const term of document.querySelectorAll("#glossary dt")) {
  for (const word of [term.textContent, ...(term.dataset.also?.split(", ") ?? [])]) {
    TERMS.set(word.toLowerCase(), term.id);
  }
}
const LONGEST_FIRST = [...TERMS.keys()].sort((a, b) => b.length - a.length);
const TERM = new RegExp(`(?<![\\p{L}-])(${LONGEST_FIRST.join("|")})(?![\\p{L}-])`, "giu");
const NOT_LINKED =
  "a, b, bdi, button, code, h2, h3, label, legend, select, svg, [aria-live], #adds-up";

// Each term becomes a link where a section first uses it, and where it heads a column, in text that
// is not written again.
function linkGlossary() {
  for (const section of document.querySelectorAll("main > header, main > section:not(#glossary)")) {
    const linked = new Set();
    const walker = document.createTreeWalker(section, NodeFilter.SHOW_TEXT);
    const nodes = [];
    while (walker.nextNode()) nodes.push(walker.currentNode);
    for (const node of nodes) {
      if (!node.parentElement.closest(NOT_LINKED)) linkTerms(node, linked);
    }
  }
}

function linkTerms(node, linked) {
  const isHeading = node.parentElement.matches("thead th");
  const parts = node.data.split(TERM).map((part, i) => {
    const id = i % 2 ? TERMS.get(part.toLowerCase()) : undefined;
    if (id === undefined || (linked.has(id) && !isHeading)) return part;
    linked.add(id);
    return create("a", { class: "term", href: `#${id}` }, part);
  });
  if (parts.some((part) => typeof part !== "string")) node.replaceWith(...parts);
}
