// The report's script: says what is pointed at, zooms the floor plan, opens what is folded for printing, and marks the
// section that is being read. The page is complete without it.
(() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // A title of a shape is shown at once beside the pointer, also under a finger.
  function pointing() {
    const box = document.getElementById("tip");
    for (const title of all("svg title")) {
      title.parentElement.dataset.tip = title.textContent;
      title.remove();
    }
    let last = null;
    function show(event) {
      const mark = event.target.closest?.("[data-tip]") ?? null;
      last?.classList.remove("on");
      mark?.classList.add("on");
      last = mark;
      box.hidden = !mark;
      if (!mark) return;
      box.textContent = mark.dataset.tip;
      const right = event.clientX + 14 + box.offsetWidth < innerWidth;
      box.style.left = `${Math.max(6, right ? event.clientX + 14 : event.clientX - 14 - box.offsetWidth)}px`;
      box.style.top = `${Math.max(6, event.clientY - 14 - box.offsetHeight)}px`;
    }
    addEventListener("pointermove", show, { passive: true });
    addEventListener("pointerdown", show, { passive: true });
    addEventListener("scroll", () => (box.hidden = true), { passive: true });
  }

  // Zoom and pan of the floor plan. --px is the length of a screen pixel in metres, which keeps its type at one size.
  function floor(svg) {
    const whole = svg.getAttribute("viewBox").split(" ").map(Number);
    const closest = 0.02;
    let [x, y, width, height] = whole;
    const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

    function show() {
      x = clamp(x, whole[0], whole[0] + whole[2] - width);
      y = clamp(y, whole[1], whole[1] + whole[3] - height);
      svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
      svg.classList.toggle("zoomed", width < whole[2] * 0.999);
      svg.style.setProperty("--px", Math.max(width / svg.clientWidth, height / svg.clientHeight));
    }
    function at(event) {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [point.x, point.y];
    }
    function zoom(factor, [cx, cy] = [x + width / 2, y + height / 2]) {
      const scale = factor ? clamp(width / factor / whole[2], closest, 1) : 1;
      const ratio = (scale * whole[2]) / width;
      [x, y] = factor ? [cx - (cx - x) * ratio, cy - (cy - y) * ratio] : whole;
      [width, height] = [whole[2] * scale, whole[3] * scale];
      show();
    }
    let held = null;
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !svg.classList.contains("zoomed")) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300), at(event));
    }, { passive: false });
    svg.addEventListener("dblclick", (event) => zoom(2, at(event)));
    svg.addEventListener("pointerdown", (event) => { if (svg.classList.contains("zoomed")) held = at(event); });
    svg.addEventListener("pointermove", (event) => {
      if (!held) return;
      const now = at(event);
      x += held[0] - now[0];
      y += held[1] - now[1];
      show();
    });
    addEventListener("pointerup", () => (held = null));
    addEventListener("resize", show);
    for (const button of all("[data-zoom]")) button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
    document.querySelector(".zoom").hidden = false;
    show();
  }

  function printing() {
    let closed = [];
    addEventListener("beforeprint", () => {
      closed = all("details:not([open])");
      for (const each of closed) each.open = true;
    });
    addEventListener("afterprint", () => { for (const each of closed) each.open = false; });
  }

  function reading() {
    const links = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) links.forEach((link, id) => link.classList.toggle("here", id === entry.target.id));
      }
    }, { rootMargin: "-10% 0px -80% 0px" });
    links.forEach((_, id) => seen.observe(document.getElementById(id)));
  }

  pointing();
  const plan = document.getElementById("floor-plan"); // the page of served models has none
  if (plan) floor(plan);
  printing();
  reading();
  document.documentElement.dataset.ready = "yes";
})();
