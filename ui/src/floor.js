// Zoom, pan and reading of the floor plan, which the page already holds as SVG.
const CLOSEST = 0.02;

function pointing(svg) {
  const says = svg.closest("figure").querySelector(".pointed");
  const start = says.textContent;
  let last = null;
  svg.addEventListener("pointerover", (event) => {
    const mark = event.target.closest(".racks path");
    last?.classList.remove("on");
    last = mark;
    mark?.classList.add("on");
    says.textContent = mark ? mark.querySelector("title").textContent : start;
  });
}

export function floor(svg) {
  if (!svg) return;
  const whole = svg.getAttribute("viewBox").split(" ").map(Number);
  let [x, y, width, height] = whole;

  function show() {
    const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
    x = clamp(x, whole[0], whole[0] + whole[2] - width);
    y = clamp(y, whole[1], whole[1] + whole[3] - height);
    svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
    svg.classList.toggle("zoomed", width < whole[2] * 0.999);
  }
  function at(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [point.x, point.y];
  }
  function zoom(factor, [cx, cy] = [x + width / 2, y + height / 2]) {
    const scale = factor ? Math.min(1, Math.max(CLOSEST, width / factor / whole[2])) : 1;
    const ratio = (scale * whole[2]) / width;
    [x, y] = factor ? [cx - (cx - x) * ratio, cy - (cy - y) * ratio] : whole;
    [width, height] = [whole[2] * scale, whole[3] * scale];
    show();
  }

  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !svg.classList.contains("zoomed")) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), at(event));
  }, { passive: false });
  svg.addEventListener("dblclick", (event) => zoom(2, at(event)));
  let held = null;
  svg.addEventListener("pointerdown", (event) => { if (svg.classList.contains("zoomed")) held = at(event); });
  svg.addEventListener("pointermove", (event) => {
    if (!held) return;
    const now = at(event);
    x += held[0] - now[0];
    y += held[1] - now[1];
    show();
  });
  addEventListener("pointerup", () => (held = null));
  svg.parentElement.querySelectorAll("[data-zoom]").forEach((button) =>
    button.addEventListener("click", () => zoom(Number(button.dataset.zoom))));
  svg.parentElement.querySelector(".zoom").hidden = false;
  pointing(svg);
}
