// The table of pseudo-identities: sorted, filtered, searched, and made a page at a time, so that thousands stay quick.
(function () {
  const table = document.getElementById("people-table");
  if (!table) return;
  const PAGE = 20;
  const MODALITIES = ["visible", "infrared"];
  const filters = {
    all: () => true,
    both: (one) => one.sides.every((side) => side[0] > 0),
    single: (one) => one.sides.some((side) => side[0] === 0),
    doubtful: (one) => one.doubt !== null && one.doubt >= 0.5,
    wrong: (one) => one.right === false,
  };
  const values = {
    number: (one) => one.number,
    visible: (one) => one.sides[0][0],
    infrared: (one) => one.sides[1][0],
    confidence: (one) => one.confidence,
    link: (one) => one.link,
    doubt: (one) => one.doubt,
    cameras: (one) => one.cameras,
    right: (one) => (one.right === null ? null : Number(one.right)),
  };
  const tools = document.getElementById("people-tools");
  const search = document.getElementById("people-search");
  const filter = document.getElementById("people-filter");
  const count = document.getElementById("people-count");
  const pages = document.getElementById("people-pages");
  const where = document.getElementById("people-where");
  const heads = Array.from(table.querySelectorAll("thead button"));
  let key = "doubt";
  let descending = true;
  let page = 0;
  let found = [];

  for (const one of DATA.people) {
    const names = one.sides.map((side) => side[2].map((row) => DATA.paths[row]).join(" ") + " cluster " + side[1]);
    one.text = ("identity " + one.number + " " + one.cameras + " " + names.join(" ") + " " + one.reason).toLowerCase();
  }

  function compare(first, second) {
    const a = values[key](first);
    const b = values[key](second);
    if (a === null || b === null) return (a === null) - (b === null);
    const order = a < b ? -1 : a > b ? 1 : 0;
    return descending ? -order : order;
  }

  function share(value) {
    return value === null ? "–" : Math.round(100 * value) + " %";
  }

  function rowsOf(one) {
    const facts = [
      element("th", { scope: "row" }, ["Identity " + one.number]),
      ...one.sides.map((side) => element("td", {}, [String(side[0])])),
      element("td", {}, [one.confidence.toFixed(2)]),
      element("td", {}, [share(one.link)]),
      element("td", {}, [share(one.doubt)]),
      element("td", { class: "names" }, [one.cameras || "–"]),
    ];
    if (table.dataset.truth) facts.push(element("td", {}, [one.right === null ? "–" : one.right ? "right" : "wrong"]));
    const sides = one.sides.map((side, place) => sideOf(MODALITIES[place], side[0], side[1], side[2]));
    const shown = [element("div", { class: "sides" }, sides)];
    if (one.reason) shown.unshift(element("p", { class: "reason" }, [one.reason]));
    const wide = element("td", { colspan: String(facts.length), class: "shown" }, [
      element("div", { class: "stay" }, shown),
    ]);
    return element("tbody", {}, [element("tr", {}, facts), element("tr", {}, [wide])]);
  }

  function show() {
    const last = Math.max(0, Math.ceil(found.length / PAGE) - 1);
    page = Math.min(Math.max(page, 0), last);
    for (const body of Array.from(table.tBodies)) body.remove();
    table.append(...found.slice(page * PAGE, (page + 1) * PAGE).map(rowsOf));
    const all = DATA.people.length.toLocaleString("en");
    count.textContent = found.length.toLocaleString("en") + " of " + all + " pseudo-identities";
    where.textContent = "page " + (page + 1) + " of " + (last + 1);
    for (const button of pages.querySelectorAll("button")) {
      button.disabled = Number(button.dataset.step) < 0 ? page === 0 : page === last;
    }
    for (const head of heads) {
      const order = head.dataset.key !== key ? "none" : descending ? "descending" : "ascending";
      head.parentElement.setAttribute("aria-sort", order);
    }
  }

  function choose() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = filters[filter.value];
    found = DATA.people.filter((one) => fits(one) && words.every((word) => one.text.includes(word)));
    found.sort(compare);
    page = 0;
    show();
  }

  search.addEventListener("input", choose);
  filter.addEventListener("change", choose);
  tools.addEventListener("submit", (event) => event.preventDefault());
  for (const head of heads) {
    head.addEventListener("click", function () {
      descending = key === head.dataset.key ? !descending : !["number", "cameras"].includes(head.dataset.key);
      key = head.dataset.key;
      choose();
    });
  }
  for (const button of pages.querySelectorAll("button")) {
    button.addEventListener("click", function () {
      const step = button.dataset.step;
      page = step === "-all" ? 0 : step === "all" ? found.length : page + Number(step);
      show();
    });
  }
  tools.hidden = false;
  pages.hidden = false;
  choose();
})();
